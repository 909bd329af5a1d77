"""Several processes, restarts, and stores that are down."""

import asyncio
from typing import Any

from daira_contracts.auth import SigningKeyChangedV1, UserRegisteredV1
from daira_testing.gate import Gate
from daira_testing.topics import TopicProbe
from daira_testing.waiting import eventually

NOBODY = "127.0.0.1:1"


async def code_of(running: Any, token: str) -> str | None:
    answer = await running.http.get("/v1/auth/sessions", headers=running.bearer(token))
    code: str | None = answer.json().get("code")
    return code


async def test_a_revocation_on_one_replica_reaches_the_other_within_seconds(start: Any) -> None:
    async with start() as one, start() as two:
        tokens = await one.phone().log_in()
        await one.trusts(tokens["accessToken"])
        await two.trusts(tokens["accessToken"])

        await one.http.post("/v1/auth/logout", headers=one.bearer(tokens["accessToken"]))

        async def is_dead_there() -> bool:
            return await code_of(two, tokens["accessToken"]) == "session_revoked"

        assert await eventually(is_dead_there, within=5)


async def test_replicas_started_together_make_one_key_and_share_one_session_chain(
    start: Any, probe: TopicProbe
) -> None:
    async with start() as one, start() as two:
        keys = [(await running.http.get("/.well-known/jwks.json")).json()["keys"] for running in (one, two)]
        assert keys[0] == keys[1]
        assert len(keys[0]) == 1
        await probe.wait_for(SigningKeyChangedV1, lambda event: event.kid == keys[0][0]["kid"])

        first = await one.phone().log_in()
        pairs = await asyncio.gather(
            *(running.phone().refresh(first["refreshToken"]) for running in (one, two) for _ in range(10))
        )

    assert len({pair.text for pair in pairs}) == 1


async def test_tokens_sessions_and_open_challenges_survive_a_restart(start: Any) -> None:
    async with start() as before:
        tokens = await before.phone().log_in()
        asked = (await before.phone().ask()).json()
        code = before.phone().code()
    async with start() as after:
        await after.trusts(tokens["accessToken"])

        assert await code_of(after, tokens["accessToken"]) is None
        assert (await after.phone().refresh(tokens["refreshToken"])).status_code == 200
        assert (await after.phone().verify(asked["sessionId"], code)).json()["userId"] == tokens["userId"]


async def test_a_restart_without_kafka_still_verifies_and_logs_people_in(start: Any, probe: TopicProbe) -> None:
    async with start() as before:
        tokens = await before.phone().log_in()
        await before.trusts(tokens["accessToken"])

        async def is_saved() -> bool:
            async with before.database.read() as work:
                rows = await work.all("SELECT 1 FROM broadcast WHERE topic LIKE %s", ("%signing-key-changed%",))
            return bool(rows)

        await eventually(is_saved)
    async with start(kafka_bootstrap=NOBODY) as cut:
        await cut.trusts(tokens["accessToken"])
        assert await code_of(cut, tokens["accessToken"]) is None
        newcomer = await cut.phone("+201201234567").log_in()
        assert newcomer["isNewUser"]
    async with start():
        told = await probe.wait_for(UserRegisteredV1, lambda event: str(event.user_id) == newcomer["userId"])
        assert told.revision == 1


async def test_without_postgresql_the_process_lives_and_says_so(start: Any) -> None:
    async with start(postgres_dsn=f"postgresql://daira@{NOBODY}/nothing", postgres_pool_size=1) as running:
        answer = await running.phone().ask()

        assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
        assert answer.headers["retry-after"]
        assert (await running.http.get("/livez")).status_code == 200
        assert (await running.http.get("/readyz")).status_code == 503


async def test_when_postgresql_goes_away_keys_are_still_published_and_log_in_comes_back(
    start: Any, make_database: Any
) -> None:
    database = await make_database("auth")
    async with Gate(database.dsn) as gate, start(postgres_dsn=gate.url) as running:
        tokens = await running.phone().log_in()
        await running.trusts(tokens["accessToken"])
        keys = running.process.parts.target.keys
        gate.shut()
        keys._read_at = None

        published = await running.http.get("/.well-known/jwks.json")
        refused = await running.phone().refresh(tokens["refreshToken"])

        assert len(published.json()["keys"]) == 1
        assert (refused.status_code, refused.json()["code"]) == (503, "database_unavailable")
        gate.open()

        async def works_again() -> bool:
            return bool((await running.phone().refresh(tokens["refreshToken"])).status_code == 200)

        assert await eventually(works_again)
