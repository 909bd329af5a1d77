"""The route table: one owner a route, the nearest template first."""

from pathlib import Path
from typing import Any

import pytest
from litestar import Litestar, get, post

from daira_devtools.gateway import merged, reading
from daira_devtools.gateway.table import Access, Route, RouteConflict, encode, load, ordered
from daira_web.app import create_app
from daira_web.guards import PUBLIC, maybe_signed_in, signed_in
from daira_web.health import Health
from daira_web.tokens import TokenVerifier


def route(method: str, template: str, service: str = "feed") -> Route:
    return Route(method=method, template=template, service=service, access=Access.PUBLIC)


def app(*routes: Any) -> Litestar:
    return create_app(service="any", routes=routes, dependencies={}, verifier=TokenVerifier("", ""), health=Health({}))


def test_a_literal_segment_is_looked_at_before_a_variable_and_that_before_a_tail() -> None:
    table = ordered([route("GET", "/media/{path...}"), route("GET", "/media/{kind}"), route("GET", "/media/videos")])

    assert [one.template for one in table] == ["/media/videos", "/media/{kind}", "/media/{path...}"]


def test_one_route_claimed_twice_is_refused_also_under_another_variable_name() -> None:
    with pytest.raises(RouteConflict, match=r"GET /v1/posts/\{\} is claimed by feed, interaction"):
        ordered([route("GET", "/v1/posts/{id}"), route("GET", "/v1/posts/{post_id}", "interaction")])


def test_two_services_share_a_path_by_method() -> None:
    table = ordered([route("POST", "/v1/users/me", "user"), route("DELETE", "/v1/users/me", "auth")])

    assert [(one.method, one.service) for one in table] == [("DELETE", "auth"), ("POST", "user")]


def test_guards_decide_what_the_gateway_asks_of_the_token() -> None:
    @get("/open", operation_id="Open", opt=PUBLIC)
    async def open_() -> None: ...

    @get("/both/{name:str}", operation_id="Both", guards=[maybe_signed_in])
    async def both() -> None: ...

    @post("/closed/{tail:path}", operation_id="Closed", guards=[signed_in])
    async def closed() -> None: ...

    table = reading.build({"feed": app(open_, both, closed)})

    assert [(one.method, one.template, one.access) for one in table] == [
        ("GET", "/both/{name}", Access.OPTIONAL),
        ("POST", "/closed/{tail...}", Access.REQUIRED),
        ("GET", "/open", Access.PUBLIC),
    ]


def test_a_route_that_names_no_guard_is_refused() -> None:
    @get("/forgotten", operation_id="Forgotten")
    async def forgotten() -> None: ...

    with pytest.raises(RouteConflict, match="/forgotten of feed has neither"):
        reading.build({"feed": app(forgotten)})


def test_the_table_survives_being_written(tmp_path: Path) -> None:
    routes = [route("GET", "/v1/posts/{id}")]
    path = tmp_path / "routes.json"
    path.write_text(encode(routes))

    assert load(path) == routes


def document(path: str, operation: str, schema: object) -> dict[str, object]:
    reference = {"$ref": "#/components/schemas/Item"}
    return {
        "paths": {path: {"get": {"operationId": operation, "responses": {"200": {"schema": reference}}}}},
        "components": {"schemas": {"Item": schema}},
    }


def test_schemas_that_differ_keep_their_service_in_the_name() -> None:
    whole = merged.merge(
        {
            "feed": document("/a", "A", {"type": "object"}),
            "user": document("/b", "B", {"type": "string"}),
        }
    )

    assert set(whole["components"]["schemas"]) == {"FeedItem", "UserItem"}
    assert whole["paths"]["/b"]["get"]["responses"]["200"]["schema"]["$ref"] == "#/components/schemas/UserItem"


def test_equal_schemas_are_one() -> None:
    schema = {"type": "object"}
    whole = merged.merge({"feed": document("/a", "A", schema), "user": document("/b", "B", schema)})

    assert set(whole["components"]["schemas"]) == {"Item"}


def test_an_operation_id_used_twice_is_refused() -> None:
    with pytest.raises(RouteConflict, match="operation id A is used by feed and user"):
        merged.merge({"feed": document("/a", "A", {}), "user": document("/b", "A", {})})


def test_sandbox_routes_and_their_schemas_stay_out_of_the_public_document() -> None:
    whole = merged.merge({"auth": document("/v1/sandbox/messages", "A", {})})

    assert whole["paths"] == {}
    assert whole["components"]["schemas"] == {}
