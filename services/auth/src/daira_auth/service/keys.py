"""The keeper of signing keys: makes, announces and retires them, and lends the one that signs."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from secrets import token_hex

import msgspec
from joserfc.jwk import ECKey

from daira_auth.domain import keys as rules
from daira_auth.domain import secrets
from daira_auth.domain.keys import KeyRecord, KeyState
from daira_auth.repository import keys as repository
from daira_contracts.auth import KeyState as PublicState
from daira_contracts.auth import SigningKeyChangedV1, signing_key_bytes
from daira_kit.errors import Unavailable
from daira_observe.logs import get_logger
from daira_stores.postgres import Database
from daira_stores.work import Work
from daira_web import root_key

logger = get_logger(__name__)
CACHE_LIFE = timedelta(seconds=30)


class Signer(msgspec.Struct, frozen=True):
    """The key that signs now."""

    kid: str
    key: ECKey


class KeyKeeper:
    """Keys live in PostgreSQL, sealed; each process keeps the opened current one for half a minute."""

    def __init__(
        self,
        database: Database,
        *,
        root_private_key: str,
        seal_key: bytes,
        key_life: timedelta,
        token_life: timedelta,
        clock: Callable[[], datetime],
    ) -> None:
        self._database, self._root, self._seal = database, root_private_key, seal_key
        self._key_life, self._token_life, self._clock = key_life, token_life, clock
        self._known: Sequence[KeyRecord] = ()
        self._read_at: datetime | None = None
        self._signer: Signer | None = None

    async def current(self) -> Signer:
        """The key that signs now; the very first is made here. Raises DatabaseUnavailable."""
        record = rules.signing_key(await self._keys())
        if record is None:
            await self.tend()
            record = rules.signing_key(await self._keys())
        assert record is not None  # tend makes one that signs at once when there is none
        if self._signer is None or self._signer.kid != record.kid:
            private = secrets.unseal(self._seal, record.sealed_private, dict[str, str | list[str]])
            self._signer = Signer(record.kid, ECKey.import_key(private))
        return self._signer

    async def published(self) -> list[KeyRecord]:
        """Every key that verifies: those that signed living tokens and those announced."""
        return [key for key in await self._keys() if key.state is not KeyState.RETIRED]

    async def tend(self, *, repeat: bool = False) -> None:
        """Make, activate and retire what is due; `repeat` tells living keys again, in case the topic lost them."""
        async with self._database.work() as work:
            keys = await repository.lock_all(work)
            due = self._due(keys, await self._published(work, keys))
            moved = {key.kid for key in due}
            told = [key for key in keys if repeat and key.state is not KeyState.RETIRED and key.kid not in moved]
            for changed in (*due, *told):
                await repository.put(work, changed)
                await self._tell(work, changed)
        self._read_at = None

    async def _published(self, work: Work, keys: Sequence[KeyRecord]) -> Mapping[str, datetime | None]:
        waiting = [key.kid for key in rules.announced(keys)]
        return await repository.first_published(work, waiting) if waiting else {}

    def _due(self, keys: Sequence[KeyRecord], published: Mapping[str, datetime | None]) -> list[KeyRecord]:
        now = self._clock()
        # From now on and not from when it was announced for: its predecessor is retired so long after this moment.
        started = [
            msgspec.structs.replace(_step(key, KeyState.ACTIVE), not_before=now)
            for key in rules.due_to_activate(keys, now, published)
        ]
        ended = [_step(key, KeyState.RETIRED) for key in rules.due_to_retire(keys, now, self._token_life)]
        made = [self._make(keys, now)] if rules.needs_successor(keys, now, self._key_life) else []
        return [*started, *ended, *made]

    def _make(self, keys: Sequence[KeyRecord], now: datetime) -> KeyRecord:
        pair = ECKey.generate_key("P-256")
        public = pair.as_dict(private=False)
        starts = rules.first_start(now, [key for key in keys if key.state is not KeyState.RETIRED])
        kid = f"{now:%Y%m%d}-{token_hex(4)}"
        logger.info("signing_key_made", kid=kid, not_before=starts.isoformat())
        return KeyRecord(
            kid=kid,
            public_x=str(public["x"]),
            public_y=str(public["y"]),
            sealed_private=secrets.seal(self._seal, pair.as_dict(private=True)),
            created_at=now,
            not_before=starts,
            state=KeyState.ACTIVE if starts <= now else KeyState.ANNOUNCED,
            revision=1,
        )

    async def _tell(self, work: Work, key: KeyRecord) -> None:
        event = SigningKeyChangedV1(
            revision=key.revision,
            kid=key.kid,
            state=PublicState(key.state.value),
            public_key_x=key.public_x,
            public_key_y=key.public_y,
            not_before=key.not_before,
            root_signature="",
        )
        signature = root_key.sign(self._root, signing_key_bytes(event))
        await work.emit(msgspec.structs.replace(event, root_signature=signature))

    async def _keys(self) -> Sequence[KeyRecord]:
        now = self._clock()
        if self._read_at is None or now - self._read_at > CACHE_LIFE:
            try:
                async with self._database.read() as work:
                    self._known = await repository.read_all(work)
            except Unavailable:
                if not self._known:
                    raise
                logger.warning("signing_keys_from_memory")  # they change once a month; verifying must go on
            self._read_at = now
        return self._known


def _step(key: KeyRecord, state: KeyState) -> KeyRecord:
    """The next state; a retired key's private half is thrown away."""
    private = "" if state is KeyState.RETIRED else key.sealed_private
    return msgspec.structs.replace(key, state=state, revision=key.revision + 1, sealed_private=private)
