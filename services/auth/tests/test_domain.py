from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import msgspec
import pytest
from limits import parse_many

from daira_auth.domain import challenge as ch
from daira_auth.domain import keys, limits, phone, sessions
from daira_auth.domain.challenge import Challenge, ChallengeState, Channel, Device
from daira_auth.errors import (
    ChallengeSpent,
    ChannelsExhausted,
    CountryNotServed,
    FallbackTooEarly,
    PhoneInvalid,
    RefreshInvalid,
)

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
SECRET = b"s" * 32


def a_challenge(**changes: object) -> Challenge:
    made = Challenge(
        id=uuid4(),
        phone="+201001234567",
        device=Device(),
        locale="ar",
        channel=Channel.FLASH_CALL,
        state=ChallengeState.OPEN,
        checks_left=5,
        code_mac=None,
        provider_ref=None,
        sent_at=NOW,
        resend_at=NOW + timedelta(seconds=20),
        expires_at=NOW + timedelta(minutes=10),
    )
    return msgspec.structs.replace(made, **changes)


@pytest.mark.parametrize(
    "spelling",
    [
        "+201001234567",
        "01001234567",
        "00201001234567",
        "1001234567",
        "+20 100 123 4567",
        "٠١٠٠١٢٣٤٥٦٧",
        "+٢٠١٠٠١٢٣٤٥٦٧",
        "010-0123-4567",
        "\u200f01001234567\u200e",
    ],
)
def test_one_number_has_one_spelling(spelling: str) -> None:
    assert phone.normalise(spelling, "EG", {20}) == "+201001234567"


@pytest.mark.parametrize(
    "junk", ["", "abc", "+20", "0223456789", "+2090012345", "+999123456", "0" * 40, "+201001234567;x" * 3, "16000"]
)
def test_what_cannot_receive_a_code_is_refused(junk: str) -> None:
    with pytest.raises(PhoneInvalid):
        phone.normalise(junk, "EG", {20})


def test_a_country_that_is_not_served_is_refused_before_anything_is_spent() -> None:
    with pytest.raises(CountryNotServed):
        phone.normalise("+966501234567", "EG", {20})
    assert phone.normalise("+966501234567", "EG", {20, 966}) == "+966501234567"


def test_limits_see_the_operator_the_block_and_the_network_of_a_caller() -> None:
    assert phone.operator_prefix("+201001234567") == "+2010"
    assert phone.number_block("+201001234567") == "+20100123"
    assert phone.network_of("41.32.7.9") == "41.32.7.0/24"
    assert phone.network_of("2001:db8:1:2::3") == "2001:db8:1::/48"
    assert phone.network_of("unknown") == "unknown"


def test_a_handset_that_cannot_read_the_caller_starts_at_whatsapp() -> None:
    assert ch.channels_from(Device(can_read_caller_id=True)) == (
        Channel.FLASH_CALL,
        Channel.WHATSAPP_OTP,
        Channel.SMS_OTP,
    )
    assert ch.channels_from(Device()) == (Channel.WHATSAPP_OTP, Channel.SMS_OTP)


def test_fallback_goes_down_the_list_and_ends() -> None:
    assert ch.channels_after(Channel.FLASH_CALL) == (Channel.WHATSAPP_OTP, Channel.SMS_OTP)
    with pytest.raises(ChannelsExhausted):
        ch.channels_after(Channel.SMS_OTP)


def test_a_client_cannot_hurry_to_a_dearer_channel() -> None:
    with pytest.raises(FallbackTooEarly) as refused:
        ch.check_may_fall_back(a_challenge(), NOW + timedelta(seconds=19.2))
    assert refused.value.headers == {"Retry-After": "1"}

    ch.check_may_fall_back(a_challenge(), NOW + timedelta(seconds=20))


@pytest.mark.parametrize(
    "changes",
    [{"state": ChallengeState.VERIFIED}, {"checks_left": 0}, {"expires_at": NOW}],
    ids=["verified", "used up", "expired"],
)
def test_a_spent_challenge_stays_spent(changes: dict[str, object]) -> None:
    ch.check_open(a_challenge(), NOW)
    with pytest.raises(ChallengeSpent):
        ch.check_open(a_challenge(**changes), NOW)


def test_a_code_counts_only_for_its_own_challenge_and_number() -> None:
    made = a_challenge()
    mac = ch.code_mac(SECRET, made.id, made.phone, "012345")
    armed = msgspec.structs.replace(made, code_mac=mac)

    assert ch.code_matches(SECRET, armed, "012345")
    assert ch.code_matches(SECRET, armed, " ٠١٢٣٤٥ ")
    assert not ch.code_matches(SECRET, armed, "12345")
    assert not ch.code_matches(b"x" * 32, armed, "012345")
    assert not ch.code_matches(SECRET, msgspec.structs.replace(armed, id=uuid4()), "012345")
    assert not ch.code_matches(SECRET, msgspec.structs.replace(armed, phone="+201001234568"), "012345")
    assert not ch.code_matches(SECRET, made, "")


def test_every_limit_is_readable_and_both_profiles_have_the_same_names() -> None:
    assert limits.PRODUCTION.rates.keys() == limits.DEVELOPMENT.rates.keys()
    for profile in (limits.PRODUCTION, limits.DEVELOPMENT):
        for rate in profile.rates.values():
            assert parse_many(rate.replace("; ", ";"))


def test_the_development_profile_has_room_for_a_thousand_log_ins_an_hour() -> None:
    assert limits.DEVELOPMENT.rates["send.address"] == "100000/hour"


def test_an_override_replaces_one_limit_and_a_misspelt_one_is_refused() -> None:
    changed = limits.with_overrides(limits.PRODUCTION, "send.number=1/day | cost.all=5/hour")

    assert changed.rates["send.number"] == "1/day"
    assert changed.rates["send.address"] == limits.PRODUCTION.rates["send.address"]
    with pytest.raises(ValueError, match="no such limit"):
        limits.with_overrides(limits.PRODUCTION, "send.nmber=1/day")


def test_the_callers_own_budget_is_asked_before_the_budget_of_the_number() -> None:
    caller = limits.Caller(address="41.32.7.9", device_id="d")

    names = [scope for scope, _ in limits.send_scopes(caller, "+201001234567")]

    assert names.index("send.address") < names.index("send.device") < names.index("send.number")
    assert "send.device" not in dict(limits.send_scopes(limits.Caller(address="x"), "+201001234567"))


@pytest.mark.parametrize(
    ("sends", "verified", "stopped"), [(49, 0, False), (50, 9, True), (50, 10, False), (1000, 199, True)]
)
def test_a_prefix_that_nobody_verifies_is_stopped(sends: int, verified: int, stopped: bool) -> None:
    assert limits.is_pumped(limits.PRODUCTION, sends, verified) is stopped


def a_session(**changes: object) -> sessions.Session:
    made = sessions.Session(
        id=uuid4(),
        user_id=uuid4(),
        device_id="phone",
        platform="android",
        authenticated_at=NOW,
        last_used_at=NOW,
        expires_at=NOW + timedelta(days=60),
    )
    return msgspec.structs.replace(made, **changes)


def a_token(**changes: object) -> sessions.RefreshToken:
    made = sessions.RefreshToken(
        id=uuid4(),
        session_id=uuid4(),
        secret_sha256=sessions.secret_hash(b"\1" * 32),
        expires_at=NOW + timedelta(days=60),
    )
    return msgspec.structs.replace(made, **changes)


def test_a_refresh_token_survives_writing_and_reading() -> None:
    token = sessions.Presented(uuid4(), b"\7" * 32)
    assert sessions.parse_token(sessions.format_token(token)) == token


@pytest.mark.parametrize("text", ["", "drt_", "drt_short", "x" * 68, "drt_" + "*" * 64, "drt_" + "é" * 64, "eyJ.a.b"])
def test_what_is_not_a_refresh_token_is_refused(text: str) -> None:
    with pytest.raises(RefreshInvalid):
        sessions.parse_token(text)


def test_a_secret_is_proved_by_its_hash_only() -> None:
    stored = a_token()
    assert sessions.proves(stored, sessions.Presented(stored.id, b"\1" * 32))
    assert not sessions.proves(stored, sessions.Presented(stored.id, b"\2" * 32))


USED = {
    "used_at": NOW,
    "used_by": sessions.fingerprint("phone", "app"),
    "successor_id": UUID(int=1),
    "sealed_answer": "jwe",
}


@pytest.mark.parametrize(
    ("changes", "seconds", "sender", "verdict"),
    [
        ({}, 0, "app", sessions.Verdict.ROTATE),
        (USED, 10, "app", sessions.Verdict.REPEAT),
        (USED, 10.1, "app", sessions.Verdict.REVOKE),
        (USED, 1, "another device", sessions.Verdict.REVOKE),
        (USED | {"successor_used": True}, 1, "app", sessions.Verdict.REVOKE),
        (USED | {"sealed_answer": None}, 1, "app", sessions.Verdict.REVOKE),
    ],
    ids=["fresh", "lost answer", "late", "other device", "two generations old", "nothing to repeat"],
)
def test_what_a_refresh_token_deserves(
    changes: dict[str, object], seconds: float, sender: str, verdict: sessions.Verdict
) -> None:
    mark = sessions.fingerprint("phone", sender)
    assert sessions.judge(a_session(), a_token(**changes), mark, NOW + timedelta(seconds=seconds)) is verdict


@pytest.mark.parametrize(
    ("session", "token"),
    [({"revoked_at": NOW}, {}), ({"expires_at": NOW}, {}), ({}, {"expires_at": NOW})],
    ids=["revoked", "session over", "token over"],
)
def test_nothing_comes_from_an_ended_session(session: dict[str, object], token: dict[str, object]) -> None:
    with pytest.raises(RefreshInvalid):
        sessions.judge(a_session(**session), a_token(**token), b"", NOW)


def a_key(kid: str, not_before: datetime, state: keys.KeyState = keys.KeyState.ACTIVE) -> keys.KeyRecord:
    return keys.KeyRecord(
        kid=kid,
        public_x="x",
        public_y="y",
        sealed_private="",
        created_at=NOW,
        not_before=not_before,
        state=state,
        revision=1,
    )


def test_the_first_key_signs_at_once_and_every_later_one_is_announced_ten_minutes_ahead() -> None:
    assert keys.first_start(NOW, []) == NOW
    assert keys.first_start(NOW, [a_key("a", NOW)]) == NOW + timedelta(minutes=10)


def test_an_announced_key_does_not_sign_before_it_is_active() -> None:
    old = a_key("old", NOW - timedelta(days=30))
    new = a_key("new", NOW - timedelta(minutes=10), keys.KeyState.ANNOUNCED)

    assert keys.signing_key([old, new]) == old
    assert keys.signing_key([old, a_key("new", NOW)]) == a_key("new", NOW)


@pytest.mark.parametrize(
    ("published", "due"),
    [
        ({"new": NOW}, True),
        ({"new": NOW + timedelta(seconds=1)}, False),
        ({"new": None}, False),
        ({}, True),
    ],
    ids=["long enough ago", "too lately", "not yet", "so long ago that its row is swept"],
)
def test_an_announced_key_is_due_ten_minutes_after_it_was_published(
    published: dict[str, datetime | None], due: bool
) -> None:
    old = a_key("old", NOW - timedelta(days=30))
    new = a_key("new", NOW + timedelta(minutes=10), keys.KeyState.ANNOUNCED)

    assert keys.due_to_activate([old, new], NOW + timedelta(minutes=9), published) == []
    assert keys.due_to_activate([old, new], NOW + timedelta(minutes=10), published) == ([new] if due else [])


def test_a_replaced_key_is_retired_only_when_none_of_its_tokens_lives() -> None:
    old, new = a_key("old", NOW - timedelta(days=30)), a_key("new", NOW)
    life = timedelta(minutes=15)

    assert keys.due_to_retire([old, new], NOW + life, life) == []
    assert keys.due_to_retire([old, new], NOW + life + keys.SLACK, life) == [old]


def test_a_key_gets_a_successor_after_its_lifetime() -> None:
    life = timedelta(days=30)
    assert keys.needs_successor([], NOW, life)
    assert not keys.needs_successor([a_key("a", NOW)], NOW + timedelta(days=29), life)
    assert keys.needs_successor([a_key("a", NOW)], NOW + life, life)
    announced = a_key("b", NOW + life + timedelta(minutes=10), keys.KeyState.ANNOUNCED)
    assert not keys.needs_successor([a_key("a", NOW), announced], NOW + life, life)
