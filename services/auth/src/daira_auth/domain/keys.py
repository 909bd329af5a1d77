"""Signing keys: announced before they sign, published while a token of theirs may live."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import Enum

import msgspec

ANNOUNCE_AHEAD = timedelta(minutes=10)
SLACK = timedelta(minutes=5)


class KeyState(Enum):
    """ANNOUNCED keys verify but do not sign yet; RETIRED keys do neither."""

    ANNOUNCED = "ANNOUNCED"
    ACTIVE = "ACTIVE"
    RETIRED = "RETIRED"


class KeyRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One P-256 key; coordinates are base64url as in a JWK. `sealed_private` is a JWE only auth can open."""

    kid: str
    public_x: str
    public_y: str
    sealed_private: str
    created_at: datetime
    not_before: datetime
    state: KeyState
    revision: int


def first_start(now: datetime, others: Sequence[KeyRecord]) -> datetime:
    """When a new key begins to sign: at once if there is none (nobody verifies yet), else after everybody heard."""
    return now + ANNOUNCE_AHEAD if others else now


def signing_key(keys: Sequence[KeyRecord]) -> KeyRecord | None:
    """The newest active key. Time alone makes none active: see `due_to_activate`."""
    active = [key for key in keys if key.state is KeyState.ACTIVE]
    return max(active, key=lambda key: key.not_before, default=None)


def needs_successor(keys: Sequence[KeyRecord], now: datetime, lifetime: timedelta) -> bool:
    """True when no key is newer than `lifetime`, counted from its first signature."""
    living = [key for key in keys if key.state is not KeyState.RETIRED]
    return not living or max(key.not_before for key in living) + lifetime <= now


def announced(keys: Sequence[KeyRecord]) -> list[KeyRecord]:
    """Keys that wait for their start."""
    return [key for key in keys if key.state is KeyState.ANNOUNCED]


def due_to_activate(
    keys: Sequence[KeyRecord], now: datetime, published: Mapping[str, datetime | None]
) -> list[KeyRecord]:
    """Announced keys whose start has come, and that everybody had time to hear of.

    `published` says by kid when its announcement left for the others: None is not yet, and what it does not name
    left so long ago that nobody remembers.
    """
    heard = now - ANNOUNCE_AHEAD
    return [
        key
        for key in announced(keys)
        if key.not_before <= now and (key.kid not in published or _is_by(published[key.kid], heard))
    ]


def due_to_retire(keys: Sequence[KeyRecord], now: datetime, token_life: timedelta) -> list[KeyRecord]:
    """Keys replaced so long ago that none of their tokens lives."""
    current = signing_key(keys)
    if current is None or now < current.not_before + token_life + SLACK:
        return []
    return [key for key in keys if key.state is not KeyState.RETIRED and key.not_before < current.not_before]


def _is_by(moment: datetime | None, latest: datetime) -> bool:
    return moment is not None and moment <= latest
