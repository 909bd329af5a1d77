import asyncio
import random
from base64 import urlsafe_b64decode
from contextlib import suppress
from typing import Any

import msgspec
import pytest

from daira_auth.domain.sessions import Presented, format_token, parse_token
from daira_auth.errors import RefreshInvalid, RefreshReused
from daira_auth.service.mint import MOST_SESSIONS
from daira_contracts.auth import SessionRevokedV1
from daira_kit.errors import NotFound
from daira_kit.ids import new_id


def session_of(tokens: Any) -> str:
    payload = tokens.access_token.split(".")[1]
    return str(msgspec.json.decode(urlsafe_b64decode(payload + "=="))["sid"])


async def test_refreshing_gives_a_new_pair_of_the_same_session(bench: Any) -> None:
    first = await bench.log_in()
    second = await bench.refresh(first.refresh_token)

    assert second.refresh_token != first.refresh_token
    assert second.access_token != first.access_token
    assert session_of(second) == session_of(first)
    assert (await bench.refresh(second.refresh_token)).user_id == first.user_id


async def test_fifty_parallel_refreshes_of_one_token_give_one_pair(bench: Any) -> None:
    first = await bench.log_in(id="phone")
    await bench.widen()

    pairs = await asyncio.gather(*(bench.refresh(first.refresh_token) for _ in range(50)))

    assert len({(pair.access_token, pair.refresh_token) for pair in pairs}) == 1
    assert await bench.count("refresh_token") == 2
    assert (await bench.refresh(pairs[0].refresh_token)).user_id == first.user_id


async def test_a_lost_answer_can_be_asked_for_again_within_ten_seconds(bench: Any) -> None:
    first = await bench.log_in()
    second = await bench.refresh(first.refresh_token)

    bench.clock.advance(seconds=10)

    assert await bench.refresh(first.refresh_token) == second
    assert await bench.told(SessionRevokedV1) == []


@pytest.mark.parametrize("how", ["late", "another device", "successor used", "three generations old"])
async def test_any_other_reuse_ends_the_session(bench: Any, how: str) -> None:
    first = await bench.log_in()
    last = await bench.refresh(first.refresh_token)
    agent = "app"
    if how == "late":
        bench.clock.advance(seconds=10.1)
    elif how == "another device":
        agent = "thief"
    elif how == "successor used":
        last = await bench.refresh(last.refresh_token)
    else:
        for _ in range(2):
            last = await bench.refresh(last.refresh_token)

    with pytest.raises(RefreshReused):
        await bench.refresh(first.refresh_token, agent=agent)

    with pytest.raises(RefreshInvalid):
        await bench.refresh(last.refresh_token)
    told = await bench.told(SessionRevokedV1)
    assert [(str(event.session_id), event.reason) for event in told] == [(session_of(first), "refresh_reused")]


async def test_a_wrong_secret_burns_nothing(bench: Any) -> None:
    tokens = await bench.log_in()
    guess = format_token(Presented(parse_token(tokens.refresh_token).id, b"\0" * 32))

    for _ in range(20):
        with pytest.raises(RefreshInvalid):
            await bench.refresh(guess)

    used = await bench.refresh(tokens.refresh_token)
    bench.clock.advance(minutes=1)
    with pytest.raises(RefreshInvalid):
        await bench.refresh(guess)
    assert (await bench.refresh(used.refresh_token)).user_id == tokens.user_id
    assert await bench.told(SessionRevokedV1) == []


async def test_a_token_named_by_another_device_is_refused_and_unharmed(bench: Any) -> None:
    tokens = await bench.log_in(id="phone")

    with pytest.raises(RefreshInvalid):
        await bench.refresh(tokens.refresh_token, device_id="laptop")

    assert await bench.refresh(tokens.refresh_token, device_id="phone")


async def test_only_hashes_of_secrets_and_sealed_answers_are_stored(bench: Any) -> None:
    first = await bench.log_in()
    second = await bench.refresh(first.refresh_token)

    async with bench.database.read() as work:
        rows = str(await work.all("SELECT * FROM refresh_token")) + str(await work.all("SELECT * FROM outbox"))

    for token in (first, second):
        assert token.refresh_token not in rows
        assert repr(parse_token(token.refresh_token).secret) not in rows
        assert token.access_token not in rows


async def test_kept_answers_go_after_the_retry_window(bench: Any) -> None:
    first = await bench.log_in()
    await bench.refresh(first.refresh_token)
    bench.clock.advance(seconds=11)

    await bench.auth.upkeep.sweep()

    async with bench.database.read() as work:
        assert await work.all("SELECT 1 FROM refresh_token WHERE sealed_answer IS NOT NULL") == []


async def test_an_unused_session_ends_after_sixty_days_and_a_used_one_lives_on(bench: Any) -> None:
    unused, used = await bench.log_in(), await bench.log_in()
    bench.clock.advance(days=59)
    used = await bench.refresh(used.refresh_token)
    bench.clock.advance(days=2)

    with pytest.raises(RefreshInvalid):
        await bench.refresh(unused.refresh_token)
    assert await bench.refresh(used.refresh_token)


async def test_a_person_ends_only_their_own_sessions(bench: Any) -> None:
    mine, theirs = await bench.log_in("+201001234567"), await bench.log_in("+201201234567")
    my_session = (await bench.auth.sessions.read(mine.user_id, None, 20)).items[0].id

    with pytest.raises(NotFound):
        await bench.auth.sessions.end(theirs.user_id, my_session, "x")
    with pytest.raises(NotFound):
        await bench.auth.sessions.end(mine.user_id, new_id(), "x")
    await bench.auth.sessions.end(mine.user_id, my_session, "x")
    await bench.auth.sessions.end(mine.user_id, my_session, "x")

    assert (await bench.auth.sessions.read(mine.user_id, None, 20)).items == []
    assert len((await bench.auth.sessions.read(theirs.user_id, None, 20)).items) == 1
    assert len(await bench.told(SessionRevokedV1)) == 1
    with pytest.raises(RefreshInvalid):
        await bench.refresh(mine.refresh_token)


async def test_sessions_are_listed_newest_first_in_pages_bound_to_the_reader(bench: Any) -> None:
    for number in range(5):
        tokens = await bench.log_in(id=f"d{number}")
    seen, cursor = [], None
    for _ in range(3):
        page = await bench.auth.sessions.read(tokens.user_id, cursor, 2)
        seen += [session.device_id for session in page.items]
        cursor = page.next_cursor

    assert seen == ["d4", "d3", "d2", "d1", "d0"]
    assert cursor is None


async def test_the_oldest_session_goes_when_a_person_has_too_many(bench: Any) -> None:
    first = await bench.log_in()
    for _ in range(MOST_SESSIONS):
        last = await bench.log_in()

    assert len((await bench.auth.sessions.read(last.user_id, None, 100)).items) == MOST_SESSIONS
    assert [event.reason for event in await bench.told(SessionRevokedV1)] == ["too_many_sessions"]
    with pytest.raises(RefreshInvalid):
        await bench.refresh(first.refresh_token)


async def test_a_revocation_is_told_until_the_last_access_token_is_dead(bench: Any) -> None:
    tokens = await bench.log_in()
    session = (await bench.auth.sessions.read(tokens.user_id, None, 1)).items[0]
    await bench.auth.sessions.end(tokens.user_id, session.id, "logged_out")

    told = (await bench.told(SessionRevokedV1))[0]

    assert told.expires_at > told.revoked_at + bench.settings.access_life
    assert msgspec.json.encode(told).find(b"1001234567") == -1


async def test_ended_sessions_are_forgotten_with_their_tokens(bench: Any) -> None:
    tokens = await bench.log_in()
    session = (await bench.auth.sessions.read(tokens.user_id, None, 1)).items[0]
    await bench.auth.sessions.end(tokens.user_id, session.id, "logged_out")
    bench.clock.advance(days=8)

    await bench.auth.upkeep.sweep()

    assert await bench.count("session") == await bench.count("refresh_token") == 0
    assert await bench.count("person") == 1


@pytest.mark.parametrize("seed", range(4))
async def test_whatever_apps_and_thieves_do_a_session_has_one_living_token_at_most(bench: Any, seed: int) -> None:
    dice = random.Random(seed)
    seen = [(await bench.log_in(id="phone")).refresh_token]

    async def attempt(token: str, agent: str) -> None:
        with suppress(RefreshInvalid):
            seen.append((await bench.refresh(token, agent=agent)).refresh_token)

    for _ in range(25):
        token = seen[-1] if dice.random() < 0.7 else dice.choice(seen)
        agents = ["app"] * dice.choice([1, 1, 3]) + ["thief"] * (dice.random() < 0.1)
        await asyncio.gather(*(attempt(token, agent) for agent in agents))
        bench.clock.advance(seconds=dice.choice([0, 1, 9, 11]))

        async with bench.database.read() as work:
            living = await work.all(
                """
                SELECT t.session_id, count(*) AS n FROM refresh_token t JOIN session s ON s.id = t.session_id
                WHERE t.used_at IS NULL AND s.revoked_at IS NULL GROUP BY t.session_id
                """
            )
        assert [row["n"] for row in living] in ([], [1])
        if not living:
            seen.append((await bench.log_in(id="phone")).refresh_token)
