"""What a developer reads instead of a phone."""

from typing import Annotated

import msgspec
from litestar import get
from litestar.di import NamedDependency
from litestar.params import QueryParameter

from daira_sandbox.inbox import Inbox, Message


class Messages(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Newest last."""

    items: list[Message]


@get(
    "/v1/sandbox/messages",
    operation_id="ReadSandboxMessages",
    summary="Codes and calls that would have reached this phone",
    tags=["sandbox"],
    opt={"public": True},
)
async def read_messages(
    sandbox: NamedDependency[Inbox],
    phone_number: Annotated[str, QueryParameter(name="phoneNumber", max_length=32)],
) -> Messages:
    return Messages(items=sandbox.read(spelled_out(phone_number)))


def spelled_out(phone: str) -> str:
    """E.164 of the spellings a developer types: an unescaped plus arrives as a space, 010… is an Egyptian number."""
    digits = "".join(char for char in phone if char.isdecimal())
    if digits.startswith("00"):
        return f"+{digits[2:]}"
    return f"+20{digits[1:]}" if digits.startswith("0") else f"+{digits}"
