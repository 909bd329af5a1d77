"""What the API document says about an operation's answers: every error it can give, and one example."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from inspect import signature
from typing import Any

import msgspec
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import ResponseSpec
from litestar.openapi.spec import Example

from daira_kit.cursors import CursorInvalid
from daira_kit.errors import (
    BadRequest,
    DairaError,
    Forbidden,
    NotFound,
    PayloadTooLarge,
    TooManyRequests,
    Unavailable,
    UnsupportedMediaType,
    ValidationFailed,
)
from daira_stores.failures import DatabaseExhausted, DatabaseLimitExceeded, DatabaseUnavailable
from daira_stores.idempotency import IdempotencyInProgress, IdempotencyMismatch
from daira_web.guards import staff
from daira_web.idempotency import IdempotencyKeyInvalid, IdempotencyKeyRequired
from daira_web.problems import PROBLEM_JSON, Problem
from daira_web.tokens import TokenInvalid, TokenRevoked

Errors = tuple[type[DairaError], ...]
ALWAYS: Errors = (BadRequest, DairaError, DatabaseLimitExceeded, Unavailable, DatabaseUnavailable, DatabaseExhausted)
GUARDED: Errors = (TokenInvalid, TokenRevoked)
_REPEATABLE: Errors = (IdempotencyKeyInvalid, IdempotencyInProgress, IdempotencyMismatch)
IMPLIED: dict[str, Errors] = {
    "data": (ValidationFailed, PayloadTooLarge, UnsupportedMediaType),
    "cursor": (ValidationFailed, CursorInvalid),
    "idempotency": _REPEATABLE,
    "required_idempotency": (IdempotencyKeyRequired, *_REPEATABLE),
    "limiter": (TooManyRequests,),
    "limits": (TooManyRequests,),
}
"""What a parameter of a route brings with it."""


@dataclass
class ProblemSpec(ResponseSpec):
    """One status of an operation and the errors that have it."""

    errors: Errors = ()


def problems(*errors: type[DairaError]) -> dict[int, ResponseSpec]:
    """`responses=problems(PostNotFound, PostRemoved)`: what a route's service raises.

    What the route itself says need not be named: its token, its body, path, cursor, Idempotency-Key and limiter.
    """
    by_status: defaultdict[int, list[type[DairaError]]] = defaultdict(list)
    for error in dict.fromkeys(errors):
        by_status[error.status].append(error)
    return {status: _spec(tuple(by_status[status])) for status in sorted(by_status)}


def example(status: int, answer: type[Any], value: object, description: str = "As asked") -> dict[int, ResponseSpec]:
    """The answer of a success and what it may look like, for one operation.

    Raises msgspec.ValidationError unless `value` is one. Shown is the struct: of other values Litestar drops nulls.
    """
    shown = Example(summary="An answer", value=msgspec.convert(value, answer))
    return {status: ResponseSpec(answer, generate_examples=False, description=description, examples=[shown])}


def complete(handler: HTTPRouteHandler, *, has_path_parameters: bool) -> dict[int, ResponseSpec]:
    """Everything that the handler declares and implies."""
    declared = handler.responses or {}
    named = [error for spec in declared.values() if isinstance(spec, ProblemSpec) for error in spec.errors]
    others = {status: spec for status, spec in declared.items() if not isinstance(spec, ProblemSpec)}
    return {**others, **problems(*named, *_implied(handler, has_path_parameters))}


def _implied(handler: HTTPRouteHandler, has_path_parameters: bool) -> Iterable[type[DairaError]]:
    yield from ALWAYS
    if not handler.opt.get("public"):
        yield from GUARDED
    if staff in (handler.guards or ()):
        yield Forbidden
    if has_path_parameters:
        yield NotFound  # an id that is none
    for name in signature(handler.fn).parameters:
        yield from IMPLIED.get(name, ())


def _spec(errors: Errors) -> ProblemSpec:
    by_code = {error.code: (error.__doc__ or "").strip() for error in reversed(errors)}
    told = "\n".join(f"- `{code}`: {by_code[code]}" for code in sorted(by_code))
    return ProblemSpec(Problem, generate_examples=False, description=told, media_type=PROBLEM_JSON, errors=errors)
