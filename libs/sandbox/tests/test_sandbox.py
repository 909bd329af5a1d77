import pytest
from litestar import Litestar
from litestar.di import Provide
from litestar.testing import TestClient

from daira_kit.errors import Unavailable
from daira_sandbox.inbox import MESSAGES, SandboxRefused, open_inbox
from daira_sandbox.phones import SandboxCodes, SandboxFlashCalls
from daira_sandbox.routes import read_messages

PHONE = "+201001234567"


@pytest.mark.parametrize(
    ("env", "host"),
    [
        ("prod", "127.0.0.1"),
        ("dev", "0.0.0.0"),
        ("dev", "::"),
        ("dev", "10.0.0.7"),
        ("dev", "daira.example"),
        ("dev", ""),
    ],
)
def test_refuses_to_start_where_strangers_could_read_codes(env: str, host: str) -> None:
    with pytest.raises(SandboxRefused):
        open_inbox(env, host)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_starts_in_dev_on_loopback(host: str) -> None:
    assert open_inbox("dev", host).read(PHONE) == []


async def test_only_the_number_that_rang_confirms_a_flash_call() -> None:
    inbox = open_inbox("dev", "127.0.0.1")
    calls = SandboxFlashCalls(inbox)

    ref = await calls.call(PHONE, "challenge-1")
    caller = inbox.read(PHONE)[-1].code

    assert await calls.confirm(ref, caller)
    assert await calls.confirm(ref, caller.removeprefix("+"))
    assert not await calls.confirm(ref, caller[:-1] + str((int(caller[-1]) + 1) % 10))
    assert not await calls.confirm(ref, "")
    assert not await calls.confirm("another-call", caller)
    assert not await calls.confirm("another-call", "")


async def test_a_channel_told_to_fail_fails_as_a_provider_does() -> None:
    codes = SandboxCodes(open_inbox("dev", "127.0.0.1"), "SMS_OTP")
    codes.is_down = True

    with pytest.raises(Unavailable):
        await codes.send(PHONE, "123456", "ar")


@pytest.mark.parametrize("spelling", ["%2B201001234567", "+201001234567", "01001234567", "00201001234567"])
async def test_messages_are_read_back_newest_last_however_the_number_is_spelt(spelling: str) -> None:
    inbox = open_inbox("dev", "127.0.0.1")
    for number in range(MESSAGES + 3):
        await SandboxCodes(inbox, "WHATSAPP_OTP").send(PHONE, f"{number:06d}", "ar")

    app = Litestar([read_messages], dependencies={"sandbox": Provide(lambda: inbox, sync_to_thread=False)})
    with TestClient(app) as client:
        items = client.get(f"/v1/sandbox/messages?phoneNumber={spelling}").json()["items"]

    assert len(items) == MESSAGES
    assert items[-1]["code"] == f"{MESSAGES + 2:06d}"
    assert items[-1].keys() == {"channel", "to", "code", "sentAt"}
    assert items[-1]["to"] == PHONE
