"""Idempotency-Key: the answer is stored in the transaction that did the work, so both exist or neither."""

from hashlib import sha256

import msgspec
from psycopg import AsyncConnection
from psycopg.rows import DictRow

from daira_kit.errors import Conflict, Unprocessable

KEPT_HOURS = 24
"""Keys older than this are forgotten by a sweep."""


class IdempotencyMismatch(Unprocessable):
    """This Idempotency-Key was used with another body."""

    code = "idempotency_mismatch"


class IdempotencyInProgress(Conflict):
    """The first request with this Idempotency-Key is still running."""

    code = "idempotency_in_progress"


class Replayed(Exception):
    """This request was answered before."""

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__("replayed")
        self.status = status
        self.body = body


class IdempotencyKey(msgspec.Struct, frozen=True, kw_only=True):
    """`scope` is user and route, so that two people may choose the same key."""

    scope: str
    key: str
    body_hash: bytes

    @classmethod
    def make(cls, user_id: object, route: str, key: str, body: bytes) -> "IdempotencyKey":
        """`body` are the raw bytes of the request."""
        return cls(scope=f"{user_id} {route}", key=key, body_hash=sha256(body).digest())


async def claim(connection: AsyncConnection[DictRow], key: IdempotencyKey) -> None:
    """Take the key for this transaction.

    Raises Replayed when it was answered before, IdempotencyMismatch for another body and
    IdempotencyInProgress while another transaction holds it.
    """
    lock = await connection.execute(
        "SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 7)) AS taken", (f"{key.scope} {key.key}",)
    )
    row = await lock.fetchone()
    if row is None or not row["taken"]:
        raise IdempotencyInProgress(headers={"Retry-After": "1"})
    cursor = await connection.execute(
        "SELECT body_hash, status, body FROM idempotency WHERE scope = %s AND key = %s", (key.scope, key.key)
    )
    found = await cursor.fetchone()
    if found is None:
        await connection.execute(
            "INSERT INTO idempotency (scope, key, body_hash) VALUES (%s, %s, %s)",
            (key.scope, key.key, key.body_hash),
        )
    elif found["body_hash"] != key.body_hash:
        raise IdempotencyMismatch
    elif found["status"] is not None:
        raise Replayed(found["status"], found["body"])


async def store_answer(connection: AsyncConnection[DictRow], key: IdempotencyKey, status: int, body: bytes) -> None:
    """Put the answer beside the key, in the same transaction."""
    await connection.execute(
        "UPDATE idempotency SET status = %s, body = %s WHERE scope = %s AND key = %s",
        (status, body, key.scope, key.key),
    )
