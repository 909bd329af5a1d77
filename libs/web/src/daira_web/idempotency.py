"""The Idempotency-Key header of routes that create something or move money."""

from typing import Any

from litestar import Request

from daira_kit.errors import BadRequest
from daira_stores.idempotency import IdempotencyKey

__all__ = [
    "IdempotencyKey",
    "IdempotencyKeyInvalid",
    "IdempotencyKeyRequired",
    "provide_idempotency",
    "provide_required_idempotency",
    "sent_key",
]
MAX_LENGTH = 255


class IdempotencyKeyRequired(BadRequest):
    """This request needs an Idempotency-Key header."""

    code = "idempotency_key_required"


class IdempotencyKeyInvalid(BadRequest):
    """An Idempotency-Key has 1 to 255 visible ASCII characters."""

    code = "idempotency_key_invalid"


def sent_key(request: Request[Any, Any, Any]) -> str | None:
    """What the header says, None without one; for routes whose body is not what the key is bound to.

    Raises IdempotencyKeyInvalid.
    """
    key = request.headers.get("idempotency-key")
    if key is not None and (not 0 < len(key) <= MAX_LENGTH or not key.isascii() or not key.isprintable()):
        raise IdempotencyKeyInvalid
    return key


async def provide_idempotency(request: Request[Any, Any, Any]) -> IdempotencyKey | None:
    """The dependency `idempotency`: pass it to `database.work(idempotency)`. The scope is user and route."""
    key = sent_key(request)
    if key is None:
        return None
    caller = getattr(request.state, "caller", None)
    user = caller.user_id if caller is not None else "anonymous"
    return IdempotencyKey.make(user, f"{request.method} {request.url.path}", key, await request.body())


async def provide_required_idempotency(request: Request[Any, Any, Any]) -> IdempotencyKey:
    """The dependency `required_idempotency`, for routes that move money. Raises IdempotencyKeyRequired."""
    key = await provide_idempotency(request)
    if key is None:
        raise IdempotencyKeyRequired
    return key
