from datetime import timedelta
from typing import Any

import pytest

from daira_auth.errors import FreshLoginNeeded, RefreshInvalid
from daira_auth.jobs import erase_person
from daira_bus.jobs import Job
from daira_contracts.auth import SessionRevokedV1, UserErasedV1, UserRegisteredV1
from daira_kit.errors import NotFound
from daira_kit.ids import new_id
from daira_testing.topics import TopicProbe
from daira_testing.waiting import eventually

PHONE = "+201001234567"


async def ask(bench: Any, tokens: Any) -> Any:
    session = (await bench.auth.sessions.read(tokens.user_id, None, 1)).items[0]
    return await bench.auth.account.ask_erasure(tokens.user_id, session.id)


async def test_asking_ends_every_session_and_sets_the_day(bench: Any) -> None:
    other, tokens = await bench.log_in(id="tablet"), await bench.log_in(id="phone")

    erases_at = await ask(bench, tokens)

    assert erases_at == bench.clock() + timedelta(days=14)
    assert len(await bench.told(SessionRevokedV1)) == 2
    for pair in (other, tokens):
        with pytest.raises(RefreshInvalid):
            await bench.refresh(pair.refresh_token)


async def test_an_old_log_in_is_not_enough(bench: Any) -> None:
    tokens = await bench.log_in()
    bench.clock.advance(minutes=11)
    await bench.refresh(tokens.refresh_token)

    with pytest.raises(FreshLoginNeeded):
        await ask(bench, tokens)
    assert await bench.count("job") == 0


async def test_nobody_asks_for_somebody_else(bench: Any) -> None:
    mine, theirs = await bench.log_in(PHONE), await bench.log_in("+201201234567")
    session = (await bench.auth.sessions.read(theirs.user_id, None, 1)).items[0]

    with pytest.raises(NotFound):
        await bench.auth.account.ask_erasure(mine.user_id, session.id)
    with pytest.raises(NotFound):
        await bench.auth.account.ask_erasure(new_id(), session.id)


async def test_logging_in_within_the_grace_takes_the_wish_back(bench: Any) -> None:
    tokens = await bench.log_in()
    await ask(bench, tokens)
    bench.clock.advance(days=13)
    again = await bench.log_in()
    assert (again.user_id, again.is_new_user) == (tokens.user_id, False)

    bench.clock.advance(days=2)

    assert await bench.auth.account.erase(tokens.user_id) is False
    assert await bench.told(UserErasedV1) == []


async def test_nothing_happens_before_the_day(bench: Any) -> None:
    tokens = await bench.log_in()
    await ask(bench, tokens)
    bench.clock.advance(days=13)

    assert await bench.auth.account.erase(tokens.user_id) is False
    assert await bench.count("person") == 1


async def test_after_the_grace_nothing_of_the_person_is_left(bench: Any) -> None:
    tokens = await bench.log_in()
    await ask(bench, tokens)
    bench.clock.advance(days=14)
    await bench.start()

    job = Job(
        kind="erase-person", key=str(tokens.user_id), payload=None, attempts=1, due_at=bench.clock(), traceparent=None
    )
    await erase_person(job, bench.auth)
    await erase_person(job, bench.auth)

    for table in ("person", "challenge", "session", "refresh_token"):
        assert await bench.count(table) == 0
    assert [event.user_id for event in await bench.told(UserErasedV1)] == [tokens.user_id]
    async with bench.database.read() as work:
        rows = await work.all("SELECT key, value FROM outbox WHERE topic = %s ORDER BY id", (UserRegisteredV1.topic,))
    assert [(row["key"], row["value"] is None) for row in rows] == [
        (str(tokens.user_id), False),
        (str(tokens.user_id), True),
    ]


async def test_the_number_of_an_erased_person_is_a_stranger_again(bench: Any) -> None:
    tokens = await bench.log_in()
    await ask(bench, tokens)
    bench.clock.advance(days=14)
    await bench.auth.account.erase(tokens.user_id)

    again = await bench.log_in()

    assert again.is_new_user
    assert again.user_id != tokens.user_id


async def test_the_whole_way_over_http_the_worker_and_kafka(start: Any, probe: TopicProbe) -> None:
    async with start(grace_days=0) as running:
        tokens = await running.phone().log_in()
        await running.trusts(tokens["accessToken"])

        answer = await running.http.delete("/v1/users/me", headers=running.bearer(tokens["accessToken"]))

        assert answer.status_code == 202
        assert answer.json().keys() == {"state", "erasesAt"}
        told = await probe.wait_for(UserErasedV1, lambda event: str(event.user_id) == tokens["userId"])
        assert told.erased_at

        async def is_dead() -> bool:
            seen = await running.http.get("/v1/auth/sessions", headers=running.bearer(tokens["accessToken"]))
            return bool(seen.json().get("code") == "session_revoked")

        assert await eventually(is_dead, within=5)
        records = [r for r in await probe.records(UserRegisteredV1.topic) if r.key == tokens["userId"].encode()]
        assert records[-1].value is None
