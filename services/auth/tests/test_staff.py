"""Staff roles: given and taken by a command, with a reason that the audit hears."""

import asyncio
import os
import sys
from typing import Any

import msgspec
import pytest
from joserfc import jwt

from daira_auth.errors import RefreshInvalid
from daira_auth.service.staff import Act
from daira_contracts.auth import SessionRevokedV1, StaffActionRecordedV1
from daira_kit.errors import NotFound, ValidationFailed
from daira_kit.ids import new_id

PHONE = "+201001234567"


def act(whom: object, role: str = "moderator", reason: str = "night shift") -> Act:
    return Act(whom=str(whom), role=role, actor="mona@ops-1", reason=reason)


async def roles_of(bench: Any, access_token: str) -> list[str]:
    key = (await bench.auth.keys.current()).key
    roles: list[str] = jwt.decode(access_token, key, ["ES256"]).claims.get("roles", [])
    return roles


async def told(bench: Any) -> list[tuple[str, str, str]]:
    return [(one.action, one.detail, one.reason) for one in await bench.told(StaffActionRecordedV1)]


async def test_a_role_is_in_the_tokens_of_the_next_refresh_and_told_once(bench: Any) -> None:
    tokens = await bench.log_in()
    assert await roles_of(bench, tokens.access_token) == []

    assert await bench.auth.staff.grant(act("0100 123 4567"))
    assert not await bench.auth.staff.grant(act(tokens.user_id))

    refreshed = await bench.refresh(tokens.refresh_token)
    assert await roles_of(bench, refreshed.access_token) == ["moderator", "staff"]
    assert await told(bench) == [("role.granted", "moderator", "night shift")]
    [held] = await bench.auth.staff.list()
    assert (held.user_id, held.role) == (tokens.user_id, "moderator")


async def test_a_role_taken_ends_the_sessions_and_is_in_no_later_token(bench: Any) -> None:
    tokens = await bench.log_in()
    await bench.auth.staff.grant(act(PHONE))
    assert await bench.auth.staff.revoke(act(PHONE, reason="left"))
    assert not await bench.auth.staff.revoke(act(PHONE))

    with pytest.raises(RefreshInvalid):
        await bench.refresh(tokens.refresh_token)
    [ended] = await bench.told(SessionRevokedV1)
    assert (ended.user_id, ended.reason) == (tokens.user_id, "role_revoked")
    assert await roles_of(bench, (await bench.log_in()).access_token) == []
    assert await told(bench) == [("role.granted", "moderator", "night shift"), ("role.revoked", "moderator", "left")]


async def test_nobody_unknown_and_no_unknown_role_gets_anything(bench: Any) -> None:
    tokens = await bench.log_in()
    for whom in (new_id(), "+201112223334"):
        with pytest.raises(NotFound):
            await bench.auth.staff.grant(act(whom))
    with pytest.raises(ValidationFailed):
        await bench.auth.staff.grant(act(tokens.user_id, "emperor"))
    assert (await bench.auth.staff.list(), await told(bench)) == ([], [])


async def command(bench: Any, *arguments: str) -> tuple[int, str, str]:
    given = {
        name: str(value)
        for name, value in msgspec.structs.asdict(bench.settings).items()
        if name in ("postgres_dsn", "kafka_bootstrap", "redis_url", "root_private_key", "root_public_key", "secret")
        or name.startswith(("s3_", "cursor_"))
    }
    environment = {"DAIRA_ENV": "dev", **{f"DAIRA_AUTH_{name.upper()}": value for name, value in given.items()}}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "daira_auth",
        "roles",
        *arguments,
        env={**os.environ, **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode or 0, out.decode(), err.decode()


async def test_the_command_gives_lists_and_takes_and_wants_a_reason(bench: Any) -> None:
    tokens = await bench.log_in()
    assert await command(bench, "grant", PHONE, "moderator", "--reason", "night shift") == (0, "granted\n", "")
    code, listed, _ = await command(bench, "list")
    assert (code, listed.split()[:2]) == (0, [str(tokens.user_id), "moderator"])
    assert (await command(bench, "revoke", PHONE, "moderator"))[0] == 2
    assert (await command(bench, "revoke", PHONE, "moderator", "--reason", "left"))[:2] == (
        0,
        "revoked, sessions ended\n",
    )
    code, _, problem = await command(bench, "grant", "+201112223334", "staff", "--reason", "x")
    assert (code, problem.partition(":")[0]) == (1, "not_found")
    events = await bench.told(StaffActionRecordedV1)
    assert [event.action for event in events] == ["role.granted", "role.revoked"]
    assert all("@" in event.actor for event in events)
