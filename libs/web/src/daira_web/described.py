"""What the API document says about requests and answers beyond their types: headers that code reads, and examples.

A service hands its examples over as real structs, one of a type, so that they cannot say what the code no longer does.
Whatever a route takes or answers of that type shows it; `answers.example` says something else for one operation.
"""

from collections.abc import Callable, Mapping, Sequence
from inspect import get_annotations, signature
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Union, get_args, get_origin

import msgspec
from litestar import Response
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import ResponseSpec
from litestar.openapi.spec import Example, OpenAPIMediaType, OpenAPIType, Operation, Parameter, RequestBody, Schema

from daira_kit.pages import Page

JSON: Final = "application/json"
NEXT_CURSOR: Final = "eyJ2IjoxfQ.c2lnbmF0dXJl"
_BYTES: Final = Schema(type=OpenAPIType.STRING, content_media_type="application/octet-stream")
Examples = Mapping[type, msgspec.Struct]


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """A request header. With an example, it belongs to what somebody sends who tries the route."""

    name: str
    description: str
    example: str | None = None
    required: bool = False


_KEY: Final = "Repeating the request with the same key changes nothing and gives the same answer"
_KEY_EXAMPLE: Final = "0199a6a8-0000-7000-8000-5a5a5a5a5a5a"
IMPLIED_HEADERS: Final = {
    "idempotency": Header(name="Idempotency-Key", description=_KEY, example=_KEY_EXAMPLE),
    "required_idempotency": Header(name="Idempotency-Key", description=_KEY, example=_KEY_EXAMPLE, required=True),
}
"""What a parameter of a route brings with it."""


def takes(*headers: Header, body: str | None = None, needs_body: bool = False) -> dict[str, Any]:
    """`opt=takes(OFFSET, body="application/offset+octet-stream")`: what a route reads from the request by itself."""
    raw = RequestBody(content={body: OpenAPIMediaType(schema=_BYTES)}, required=needs_body) if body else None
    return {"headers": headers, "raw_body": raw}


def file(media_type: str) -> dict[int, ResponseSpec]:
    """`responses={**file("video/mp4"), **problems(…)}`: the answer of a route that serves bytes."""
    return {200: ResponseSpec(bytes, generate_examples=False, description="The bytes", media_type=media_type)}


def by_type(examples: Sequence[msgspec.Struct]) -> Examples:
    return {type(one): one for one in examples}


def success(handler: HTTPRouteHandler, examples: Examples) -> dict[int, ResponseSpec]:
    """The answer of a success with its example; nothing where the route itself says it or no example is known."""
    answer = _answer_of(handler)
    if handler.status_code in (handler.responses or {}):
        return {}
    if answer is None:
        return {handler.status_code: ResponseSpec(None, description="Done")}
    value = _value(answer, examples)
    if value is None:
        return {}
    shown = [Example(summary="An answer", value=value)]
    return {handler.status_code: ResponseSpec(answer, generate_examples=False, description="As asked", examples=shown)}


def operation_of(handler: HTTPRouteHandler, examples: Examples) -> Callable[..., Operation]:
    """What makes the operation of a route: Litestar's, with headers that only the code knows and examples."""
    headers = [*_implied(handler), *handler.opt.get("headers", ())]
    raw_body = handler.opt.get("raw_body")
    body = _value(get_annotations(handler.fn).get("data"), examples)

    def make(**fields: Any) -> Operation:
        operation = Operation(**fields)
        operation.parameters = [*(operation.parameters or ()), *map(_parameter, headers)] or None
        if raw_body:
            operation.request_body = raw_body
        elif body is not None and isinstance(operation.request_body, RequestBody):
            operation.request_body.content[JSON].examples = {"request": Example(summary="A request", value=body)}
        return operation

    return make


def _implied(handler: HTTPRouteHandler) -> list[Header]:
    return [IMPLIED_HEADERS[name] for name in signature(handler.fn).parameters if name in IMPLIED_HEADERS]


def _parameter(header: Header) -> Parameter:
    return Parameter(
        name=header.name,
        param_in="header",
        schema=Schema(type=OpenAPIType.STRING),
        description=header.description,
        required=header.required,
        example=header.example,
    )


def _answer_of(handler: HTTPRouteHandler) -> Any:
    """What a route answers with: `T` of `T`, `Response[T]` and `Response[T | None]`."""
    answer = get_annotations(handler.fn).get("return", Any)  # Litestar's own OPTIONS answers have text here
    if _is(answer, Response):
        (answer,) = get_args(answer)
    if _is(answer, Union, UnionType):
        (answer, *_) = [one for one in get_args(answer) if one is not NoneType]
    return None if answer is NoneType else answer


def _is(annotation: Any, *generic: Any) -> bool:
    origin: Any = get_origin(annotation)
    return origin in generic


def _value(wanted: Any, examples: Examples) -> Any:
    """The example of a type, as a struct: of other values Litestar drops nulls. None when there is none."""
    if _is(wanted, Annotated):
        wanted = get_args(wanted)[0]
    if _is(wanted, Page):
        (item,) = get_args(wanted)
        one = _value(item, examples)
        return None if one is None else Page(items=[one], next_cursor=NEXT_CURSOR, has_more=True)
    return examples.get(wanted) if isinstance(wanted, type) else None
