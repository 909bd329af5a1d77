"""What arrived at which phone, in the memory of one process."""

from collections import OrderedDict, deque
from datetime import datetime
from ipaddress import ip_address

import msgspec

NUMBERS = 10_000
MESSAGES = 20


class SandboxRefused(SystemExit):
    """Sandbox providers need DAIRA_ENV=dev and a loopback listener: the process must not start."""


class Message(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`code` is the one-time code or, for a flash call, the number that rang."""

    channel: str
    to: str
    code: str
    sent_at: datetime


class Inbox:
    """The newest messages of the newest numbers; the rest is forgotten."""

    def __init__(self) -> None:
        self._phones: OrderedDict[str, deque[Message]] = OrderedDict()

    def put(self, message: Message) -> None:
        """The message arrives at `message.to`."""
        arrived = self._phones.setdefault(message.to, deque(maxlen=MESSAGES))
        arrived.append(message)
        self._phones.move_to_end(message.to)
        if len(self._phones) > NUMBERS:
            self._phones.popitem(last=False)

    def read(self, phone: str) -> list[Message]:
        """What arrived at an E.164 number, newest last."""
        return list(self._phones.get(phone, ()))


def open_inbox(env: str, host: str) -> Inbox:
    """The one way to a sandbox. Raises SandboxRefused outside dev or when strangers can reach the listener."""
    if env != "dev":
        raise SandboxRefused("sandbox providers need DAIRA_ENV=dev")
    if not is_loopback(host):
        raise SandboxRefused(f"sandbox providers need a loopback listener, not {host!r}")
    return Inbox()


def is_loopback(host: str) -> bool:
    """True for localhost and loopback addresses; names are not resolved, and nothing means everywhere."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
