"""What is committed is what the services say, Envoy accepts it, and no rule of the edge is forgotten."""

import subprocess
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from daira_devtools.gateway import render
from daira_devtools.gateway.edge import Edge
from daira_devtools.gateway.envoy import configuration
from daira_devtools.gateway.envoy.types import Config
from daira_devtools.gateway.generate import drift
from daira_devtools.gateway.hardening import RULES, broken, manager, routes
from daira_devtools.gateway.table import load
from daira_devtools.root import checkout_root
from daira_devtools.stack.downloads import wheel_binary
from daira_devtools.stack.table import load as load_processes

BASE = 18080


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Config:
    loaded: Config = yaml.safe_load(render(BASE, tmp_path_factory.mktemp("gateway")).read_text())
    return loaded


def test_the_committed_table_and_document_are_what_the_services_say() -> None:
    assert drift(checkout_root()) == []


def test_envoy_accepts_the_rendered_file(tmp_path: Path) -> None:
    binary = wheel_binary(load_processes().download["envoy"])

    checked = subprocess.run(
        [str(binary), "--mode", "validate", "-c", str(render(BASE, tmp_path))],
        capture_output=True,
        text=True,
        check=False,
    )

    assert checked.returncode == 0, checked.stderr[-2000:]


def test_every_rule_of_the_edge_holds(config: Config) -> None:
    assert broken(config) == []


def weaken(path: str, value: object) -> Callable[[Config], None]:
    def change(config: Config) -> None:
        node: Any = manager(config)
        *parents, last = path.split(".")
        for key in parents:
            node = node[key]
        node[last] = value

    return change


def forget_overload(config: Config) -> None:
    config["overload_manager"] = {"resource_monitors": [], "actions": []}


def open_admin(config: Config) -> None:
    config["admin"]["address"]["socket_address"]["address"] = "0.0.0.0"


def forget_floods(config: Config) -> None:
    config["layered_runtime"]["layers"].pop(0)


def let_clients_claim(config: Config) -> None:
    manager(config)["early_header_mutation_extensions"] = []


def forget_a_token_rule(config: Config) -> None:
    routes(config)[-3]["typed_per_filter_config"] = {}


def repeat_writes(config: Config) -> None:
    post = next(one for one in routes(config) if one["name"].startswith("POST"))
    post["route"]["retry_policy"] = {"retry_on": "5xx"}


def endless(part: str) -> Callable[[Config], None]:
    """Lets one route last for ever: a JSON one, or one that streams."""

    def change(config: Config) -> None:
        route = next(one["route"] for one in routes(config) if part in one["name"] and "route" in one)
        route["max_stream_duration"] = {"max_stream_duration": "0s"}

    return change


def join_hosts(config: Config) -> None:
    routes(config).pop(0)


def never_silent(config: Config) -> None:
    next(one["route"] for one in routes(config) if "/v1/uploads" in one["name"])["idle_timeout"] = "0s"


def log_paths(config: Config) -> None:
    line = manager(config)["access_log"][0]["typed_config"]["log_format"]["json_format"]
    line["path"] = "%REQ(:PATH)%"


def widen_buffers(config: Config) -> None:
    config["static_resources"]["clusters"][0]["per_connection_buffer_limit_bytes"] = 1 << 20


def retry_without_budget(config: Config) -> None:
    config["static_resources"]["clusters"][0]["circuit_breakers"] = {}


def shuffle_filters(config: Config) -> None:
    manager(config)["http_filters"].reverse()


@pytest.mark.parametrize(
    ("change", "sentences"),
    [
        (open_admin, 1),
        (forget_overload, 4),
        (forget_floods, 1),
        (let_clients_claim, 2),
        (forget_a_token_rule, 1),
        (repeat_writes, 1),
        (endless("/v1/posts"), 1),
        (endless("/v1/uploads"), 0),
        (never_silent, 1),
        (join_hosts, 1),
        (log_paths, 1),
        (widen_buffers, 1),
        (retry_without_budget, 1),
        (shuffle_filters, 1),
        (weaken("use_remote_address", False), 1),
        (weaken("normalize_path", False), 1),
        (weaken("merge_slashes", False), 1),
        (weaken("path_with_escaped_slashes_action", "KEEP_UNCHANGED"), 1),
        (weaken("common_http_protocol_options.headers_with_underscores_action", "ALLOW"), 1),
        (weaken("common_http_protocol_options.idle_timeout", "0s"), 1),
        (weaken("request_headers_timeout", "0s"), 1),
        (weaken("stream_idle_timeout", "0s"), 1),
        (weaken("http2_protocol_options", {}), 3),
        (weaken("max_request_headers_kb", 96), 1),
        (weaken("always_set_request_id_in_response", False), 1),
    ],
)
def test_a_weakened_edge_is_noticed(config: Config, change: Callable[[Config], None], sentences: int) -> None:
    weakened = deepcopy(config)
    change(weakened)

    assert len(broken(weakened)) == sentences


def test_each_rule_says_something_of_its_own() -> None:
    assert len({rule.sentence for rule in RULES}) == len(RULES)


def test_production_has_no_sandbox_and_no_foreign_origin() -> None:
    upstreams = {name: ("10.0.0.1", 80) for name in load_processes().service.names}
    edge = Edge(upstreams=upstreams, port=443, admin_port=9901, openapi=Path("openapi.json"))

    production = configuration(edge, load())

    assert [one["name"] for one in routes(production) if "sandbox" in one["name"]] == []
    host = manager(production)["route_config"]["virtual_hosts"][0]
    assert host["typed_per_filter_config"]["envoy.filters.http.cors"]["allow_origin_string_match"] == []
    assert broken(production) == []
