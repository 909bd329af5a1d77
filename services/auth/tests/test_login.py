from typing import Any

import pytest

from daira_auth.domain.challenge import Channel
from daira_auth.domain.limits import Caller
from daira_auth.errors import (
    ChallengeNotFound,
    ChallengeSpent,
    ChannelFailed,
    ChannelsExhausted,
    FallbackTooEarly,
    OtpInvalid,
    SendLimitReached,
)
from daira_contracts.auth import UserRegisteredV1
from daira_kit.errors import Unavailable
from daira_kit.ids import new_id

PHONE = "+201001234567"


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 1_000_000:06d}"


async def test_a_person_is_registered_once_and_known_afterwards(bench: Any) -> None:
    first = await bench.log_in()
    second = await bench.log_in("01001234567")

    assert (first.is_new_user, second.is_new_user) == (True, False)
    assert first.user_id == second.user_id
    assert [event.user_id for event in await bench.told(UserRegisteredV1)] == [first.user_id]


async def test_a_handset_that_can_read_the_caller_is_rung_and_reports_the_number(bench: Any) -> None:
    challenge = await bench.start(can_read_caller_id=True)

    assert challenge.channel is Channel.FLASH_CALL
    national = "0" + bench.code().removeprefix("+20")
    assert (await bench.verify(challenge, national)).is_new_user


async def test_a_wrong_caller_costs_a_check(bench: Any) -> None:
    challenge = await bench.start(can_read_caller_id=True)

    with pytest.raises(OtpInvalid) as refused:
        await bench.verify(challenge, "+20221234567")

    assert refused.value.members == {"attemptsLeft": 4}


async def test_a_provider_that_cannot_say_costs_no_check(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    challenge = await bench.start(can_read_caller_id=True)

    async def down(_ref: str, _caller: str) -> bool:
        raise ChannelFailed

    with monkeypatch.context() as patched:
        patched.setattr(bench.providers.calls, "confirm", down)
        for _ in range(7):
            with pytest.raises(Unavailable):
                await bench.verify(challenge)

    assert (await bench.verify(challenge)).is_new_user


async def test_a_channel_that_fails_is_skipped_at_once(bench: Any) -> None:
    bench.providers.calls.is_down = True
    assert (await bench.start(can_read_caller_id=True)).channel is Channel.WHATSAPP_OTP

    bench.providers.senders[Channel.WHATSAPP_OTP].is_down = True
    challenge = await bench.start(can_read_caller_id=True)
    assert challenge.channel is Channel.SMS_OTP
    assert (await bench.verify(challenge)).is_new_user


async def test_when_every_channel_fails_the_client_is_told_to_come_back(bench: Any) -> None:
    for sender in bench.providers.senders.values():
        sender.is_down = True

    with pytest.raises(ChannelFailed) as failed:
        await bench.start()

    assert failed.value.status == 503
    assert "Retry-After" in failed.value.headers


async def test_fallback_waits_its_time_then_walks_the_channels_on_one_challenge(bench: Any) -> None:
    challenge = await bench.start(can_read_caller_id=True)
    caller = bench.code()
    with pytest.raises(FallbackTooEarly):
        await bench.auth.logins.fall_back(challenge.id, _caller())

    bench.clock.advance(seconds=3)
    second = await bench.auth.logins.fall_back(challenge.id, _caller())
    assert (second.id, second.channel) == (challenge.id, Channel.WHATSAPP_OTP)
    with pytest.raises(OtpInvalid):
        await bench.verify(challenge, caller)
    with pytest.raises(FallbackTooEarly):
        await bench.auth.logins.fall_back(challenge.id, _caller())

    bench.clock.advance(seconds=3)
    assert (await bench.auth.logins.fall_back(challenge.id, _caller())).channel is Channel.SMS_OTP
    bench.clock.advance(seconds=3)
    with pytest.raises(ChannelsExhausted):
        await bench.auth.logins.fall_back(challenge.id, _caller())

    assert (await bench.verify(challenge)).is_new_user


async def test_a_fallback_gives_no_new_checks_and_ends_the_older_code(bench: Any) -> None:
    challenge = await bench.start()
    first = bench.code()
    with pytest.raises(OtpInvalid):
        await bench.verify(challenge, wrong(first))
    bench.clock.advance(seconds=3)
    await bench.auth.logins.fall_back(challenge.id, _caller())

    if first != bench.code():
        with pytest.raises(OtpInvalid) as refused:
            await bench.verify(challenge, first)
        assert refused.value.members == {"attemptsLeft": 3}


async def test_after_five_checks_the_right_code_is_of_no_use(bench: Any) -> None:
    challenge = await bench.start()
    left = []
    for _ in range(5):
        with pytest.raises(OtpInvalid) as refused:
            await bench.verify(challenge, wrong(bench.code()))
        left.append(refused.value.members["attemptsLeft"])

    assert left == [4, 3, 2, 1, 0]
    with pytest.raises(ChallengeSpent):
        await bench.verify(challenge)
    bench.clock.advance(seconds=3)
    with pytest.raises(ChallengeSpent):
        await bench.auth.logins.fall_back(challenge.id, _caller())


async def test_a_code_works_once_and_for_ten_minutes(bench: Any) -> None:
    used = await bench.start()
    await bench.verify(used)
    with pytest.raises(ChallengeSpent):
        await bench.verify(used)

    old = await bench.start()
    bench.clock.advance(minutes=10)
    with pytest.raises(ChallengeSpent):
        await bench.verify(old)


async def test_an_unknown_challenge_is_not_found(bench: Any) -> None:
    with pytest.raises(ChallengeNotFound):
        await bench.auth.logins.verify(new_id(), "123456", _caller())
    with pytest.raises(ChallengeNotFound):
        await bench.auth.logins.fall_back(new_id(), _caller())


async def test_numbers_leave_with_their_expired_challenges(bench: Any) -> None:
    await bench.start()
    bench.clock.advance(minutes=69)
    await bench.auth.upkeep.sweep()
    assert await bench.count("challenge") == 1

    bench.clock.advance(minutes=2)
    await bench.auth.upkeep.sweep()
    assert await bench.count("challenge") == 0


async def test_codes_and_numbers_are_nowhere_in_clear_but_the_person_and_the_challenge(bench: Any, redis: Any) -> None:
    challenge = await bench.start(id="installation-1")
    code = bench.code()
    await bench.verify(challenge)

    async with bench.database.read() as work:
        outbox = await work.all("SELECT value, headers::text, key FROM outbox")
        stored = await work.one("SELECT * FROM challenge WHERE id = %s", (challenge.id,))
    keys = [key.decode() for key in await redis.keys("*")]

    assert keys
    assert not [key for key in keys if PHONE in key or "01001234567" in key or "installation-1" in key]
    assert not [row for row in outbox if b"1001234567" in bytes(row["value"]) or "1001234567" in row["headers"]]
    assert stored["code_mac"] is None
    assert code not in str(stored)


async def test_production_sends_at_most_three_codes_to_a_number_in_ten_minutes(strict: Any) -> None:
    for turn in range(3):
        await strict.start(address=f"41.0.{turn}.1")

    with pytest.raises(SendLimitReached) as refused:
        await strict.start(address="41.9.9.9")

    assert 0 < int(refused.value.headers["Retry-After"]) <= 601
    assert refused.value.headers["RateLimit"].startswith("limit=3, remaining=0")
    assert len(strict.inbox.read(PHONE)) == 3


async def test_who_is_over_his_own_limit_does_not_spend_the_numbers_budget(make_bench: Any) -> None:
    bench = await make_bench(limits_profile="production", limits="send.address=1/hour")
    await bench.start("+201001234560", address="41.0.0.1")

    for _ in range(5):
        with pytest.raises(SendLimitReached):
            await bench.start(PHONE, address="41.0.0.1")

    await bench.start(PHONE, address="41.0.0.2")


async def test_production_counts_devices_networks_blocks_and_money(make_bench: Any) -> None:
    device = await make_bench(limits_profile="production", limits="send.device=1/hour")
    await device.start("+201001234560", address="41.0.0.1", id="d1")
    with pytest.raises(SendLimitReached):
        await device.start("+201201234561", address="41.9.0.2", id="d1")

    network = await make_bench(limits_profile="production", limits="send.network=1/hour")
    await network.start("+201001234562", address="41.1.0.1")
    with pytest.raises(SendLimitReached):
        await network.start("+201201234563", address="41.1.0.200")

    money = await make_bench(limits_profile="production", limits="cost.number=20/day")
    await money.start("+201001234564", address="41.2.0.1")
    with pytest.raises(SendLimitReached):
        await money.start("+201001234564", address="41.3.0.1")


def _caller() -> Caller:
    return Caller(address="41.32.7.9")
