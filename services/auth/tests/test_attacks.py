"""What an attacker tries, with the production limits."""

import asyncio
import logging
import os
import secrets
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from daira_auth.domain.limits import Caller
from daira_auth.errors import ChallengeSpent, FallbackTooEarly, OtpInvalid, SendLimitReached
from daira_auth.settings import Settings
from daira_auth.wiring import build
from daira_observe.logs import set_up_logging
from daira_runtime import open_process
from daira_sandbox.inbox import SandboxRefused
from daira_testing.gate import Gate
from daira_testing.waiting import eventually

PHONE = "+201001234567"
OPERATORS = ("+2010", "+2011", "+2012", "+2015")
STRANGE = (
    "{}",
    "[]",
    "nonsense",
    '{"phoneNumber": 1001234567}',
    '{"phoneNumber": ""}',
    '{"phoneNumber": "01001234567", "isAdmin": true}',
    '{"phoneNumber": "01001234567", "device": {"id": "' + "x" * 129 + '"}}',
    '{"phoneNumber": "01001234567", "device": {"id": "a\\u0000"}}',
    '{"phoneNumber": "01001234567", "device": {"platform": "\\u0000"}}',
    '{"phoneNumber": "\\u0000"}',
    '{"phoneNumber": "16000"}',
)
PUMPED = 100_000 if os.environ.get("SIZE") == "full" else 2_000


async def test_parallel_guesses_share_five_checks(strict: Any) -> None:
    challenge = await strict.start()
    await strict.widen()
    right = strict.code()
    guesses = [f"{number:06d}" for number in range(50) if f"{number:06d}" != right]

    outcomes = await asyncio.gather(*(strict.verify(challenge, guess) for guess in guesses), return_exceptions=True)

    wrong = [outcome for outcome in outcomes if isinstance(outcome, OtpInvalid)]
    assert sorted(outcome.members["attemptsLeft"] for outcome in wrong) == [0, 1, 2, 3, 4]
    assert sum(isinstance(outcome, ChallengeSpent) for outcome in outcomes) == len(guesses) - 5
    with pytest.raises(ChallengeSpent):
        await strict.verify(challenge, right)


async def test_parallel_right_answers_open_one_session(strict: Any) -> None:
    challenge = await strict.start()
    await strict.widen()

    outcomes = await asyncio.gather(*(strict.verify(challenge) for _ in range(5)), return_exceptions=True)

    assert sum(not isinstance(outcome, Exception) for outcome in outcomes) == 1
    assert await strict.count("session") == 1


async def test_ten_thousand_addresses_get_fifty_guesses_a_day_at_one_number(make_bench: Any) -> None:
    bench = await make_bench(limits_profile="production", limits="send.number=10/day")
    compared = 0
    for attempt in range(40):
        address = f"41.{attempt}.{secrets.randbelow(256)}.{secrets.randbelow(256)}"
        with suppress(SendLimitReached):
            challenge = await bench.start(address=address)
            right = bench.code()
            for guess in (f"{number:06d}" for number in range(12)):
                with suppress(OtpInvalid, ChallengeSpent):
                    await bench.verify(challenge, "999999" if guess == right else guess, address=address)
            async with bench.database.read() as work:
                row = await work.one("SELECT checks_left FROM challenge WHERE id = %s", (challenge.id,))
            compared += 5 - row["checks_left"]

    assert compared == 50  # of 1,000,000 codes: a chance of 5e-5 a day


@pytest.mark.sized(PUMPED)
async def test_pumping_over_every_operator_costs_at_most_two_hundred_messages(make_bench: Any) -> None:
    bench = await make_bench(limits_profile="production")
    gate = asyncio.Semaphore(32)

    async def attempt(number: int) -> None:
        phone = f"{OPERATORS[number % 4]}{secrets.randbelow(10**8):08d}"
        address = f"{20 + number % 200}.{secrets.randbelow(256)}.{secrets.randbelow(256)}.9"
        async with gate:
            with suppress(SendLimitReached):
                await bench.start(phone, address=address)

    await asyncio.gather(*(attempt(number) for number in range(PUMPED)))

    sent = await bench.count("challenge")
    assert 100 <= sent <= 200


async def test_a_prefix_whose_people_verify_stays_open(strict: Any) -> None:
    for number in range(60):
        challenge = await strict.start(f"+2010{number:04d}4567", address=f"41.{number}.0.1")
        if number % 4 == 0:
            await strict.verify(challenge, address=f"41.{number}.0.1")

    assert await strict.start("+201099994567", address="41.99.0.1")


async def test_fallback_cannot_be_forced_to_the_dear_channel(strict: Any) -> None:
    challenge = await strict.start(can_read_caller_id=True)
    await strict.widen()

    outcomes = await asyncio.gather(
        *(strict.auth.logins.fall_back(challenge.id, Caller(address="41.0.0.1")) for _ in range(10)),
        return_exceptions=True,
    )
    assert all(isinstance(outcome, FallbackTooEarly) for outcome in outcomes)

    strict.clock.advance(seconds=20)
    outcomes = await asyncio.gather(
        *(strict.auth.logins.fall_back(challenge.id, Caller(address="41.0.0.1")) for _ in range(10)),
        return_exceptions=True,
    )
    assert sum(not isinstance(outcome, Exception) for outcome in outcomes) == 1
    assert [message.channel for message in strict.inbox.read(PHONE)] == ["FLASH_CALL", "WHATSAPP_OTP"]


async def test_known_and_unknown_numbers_get_the_same_answer(running: Any) -> None:
    await running.phone("+201001234567").log_in()

    known = await running.phone("+201001234567").ask()
    unknown = await running.phone("+201001234568").ask()

    assert known.status_code == unknown.status_code == 200
    assert known.json()["method"] == unknown.json()["method"]
    assert known.json()["resendAfter"] == unknown.json()["resendAfter"]
    assert known.json()["message"] == unknown.json()["message"].replace("1001234568", "1001234567")
    assert known.json().keys() == unknown.json().keys()
    assert known.headers.keys() == unknown.headers.keys()


async def test_a_made_up_forwarded_for_does_not_change_who_is_counted(start: Any) -> None:
    async with start(limits_profile="production", limits="send.address=1/hour") as running:
        codes = []
        for turn in range(3):
            headers = {"X-Forwarded-For": f"1.2.3.{turn}, 41.32.7.9"}
            body = {"phoneNumber": f"0100123456{turn}"}
            codes.append((await running.http.post("/v1/auth/login", json=body, headers=headers)).status_code)

    assert codes == [200, 429, 429]


async def test_a_strange_log_in_is_a_clear_problem(running: Any) -> None:
    for body in STRANGE:
        answer = await running.http.post("/v1/auth/login", content=body, headers={"Content-Type": "application/json"})

        assert answer.status_code == 400, body
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["code"] in {"validation_failed", "bad_request", "phone_invalid"}, body
        assert all(error.keys() == {"field", "message"} for error in answer.json()["errors"]), body


async def test_without_redis_log_in_fails_closed_and_sessions_live_on(start: Any, redis_url: str) -> None:
    async with Gate(redis_url) as gate, start(redis_url=gate.url) as running:
        tokens = await running.phone().log_in()
        open_challenge = (await running.phone().ask()).json()["sessionId"]
        gate.shut()

        refused = await running.phone().ask()
        unchecked = await running.phone().verify(open_challenge, running.phone().code())
        for answer in (refused, unchecked):
            assert (answer.status_code, answer.json()["code"]) == (503, "limits_unavailable")
            assert answer.headers["retry-after"]
        assert (await running.phone().refresh(tokens["refreshToken"])).status_code == 200
        assert (await running.http.get("/.well-known/jwks.json")).status_code == 200
        assert (await running.http.get("/livez")).status_code == 200

        gate.open()

        async def works_again() -> bool:
            answer = await running.phone().verify(open_challenge, running.phone().code())
            return bool(answer.status_code == 200)

        assert await eventually(works_again)


async def test_production_has_no_sandbox_and_sandbox_refuses_production(
    make_database: Any, common_settings: Any, object_settings: Any, redis_url: str, mint: Any
) -> None:
    database = await make_database("auth")
    values = (
        common_settings(database)
        | object_settings
        | {
            "redis_url": redis_url,
            "root_private_key": mint.root_private_key,
            "secret": "x" * 40,
            "env": "prod",
        }
    )

    async with open_process("auth", Settings(**values), build) as process:
        assert not [route.path for route in process.app.routes if "sandbox" in route.path]
    for unsafe in ({"providers": "sandbox"}, {"env": "dev", "host": "0.0.0.0"}):
        with pytest.raises(SandboxRefused):
            async with open_process("auth", Settings(**(values | unsafe)), build):
                pass


@pytest.fixture
def everything_logged(capsys: pytest.CaptureFixture[str]) -> Iterator[pytest.CaptureFixture[str]]:
    """Back to quiet afterwards: a handler left behind writes to a stream that is closed, very slowly."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    set_up_logging("auth", "DEBUG")
    yield capsys
    root.handlers = handlers
    root.setLevel(level)


async def test_no_code_number_or_token_is_ever_logged(
    running: Any, everything_logged: pytest.CaptureFixture[str]
) -> None:
    for sender in running.process.parts.target.logins._delivery._senders.values():
        sender.is_down = True
    await running.phone().ask()
    for sender in running.process.parts.target.logins._delivery._senders.values():
        sender.is_down = False
    asked = (await running.phone().ask()).json()
    await running.phone().verify(asked["sessionId"], running.phone().wrong_code())
    tokens = (await running.phone().verify(asked["sessionId"], running.phone().code())).json()
    await running.phone().refresh(tokens["refreshToken"])
    await running.http.get("/v1/sandbox/messages", params={"phoneNumber": PHONE})

    out, err = everything_logged.readouterr()

    assert "/v1/auth/verify" in out + err
    for secret in ("1001234567", running.phone().code(), tokens["accessToken"], tokens["refreshToken"]):
        assert secret not in out + err
