"""How the demo ends when something goes wrong."""

import asyncio
import signal
from typing import Any

import httpx
import pytest

from daira_devtools.demo.client import DemoFailed, Phone
from daira_devtools.demo.people import introduce, pause_after

ME = "PATCH /v1/users/me"


async def test_a_connection_lost_for_good_is_one_clear_line(gateway: Any, start_demo: Any) -> None:
    gateway.may_go_on.set()

    run = await start_demo()
    code, lines = await run.end()

    assert code == 1
    assert "Traceback" not in "\n".join(lines)
    assert lines[-1].startswith("the demo failed: PATCH /v1/uploads/1: no answer: ")
    assert [line.split()[0] for line in lines] == ["ok", "ok", "ok", "failed", "the"]
    assert run.notes == ["up"]


async def test_piped_output_is_plain_lines(gateway: Any, start_demo: Any) -> None:
    gateway.answers["PUT /v1/users/u/follow"] = {"state": "[red]FOLLOWING[/red]"}
    gateway.may_go_on.set()

    _, lines = await (await start_demo()).end()

    assert not any("\x1b" in line or "\r" in line for line in lines)
    assert lines[0].endswith(" 1. the author logs in with +201000000101: by FLASH_CALL")
    assert lines[2].endswith(" 3. the follower follows the author: [red]FOLLOWING[/red]")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_an_interrupted_scenario_leaves_nothing_running(gateway: Any, start_demo: Any, number: int) -> None:
    run = await start_demo()
    assert await asyncio.to_thread(gateway.has_a_chunk.wait, 30)

    run.child.send_signal(number)
    code, lines = await run.end()

    assert code == 130
    assert lines[-1] == "interrupted: nothing is left running"
    assert "Traceback" not in "\n".join(lines)
    assert run.notes == ["up", "down"]


async def test_a_gateway_that_is_not_there_is_one_clear_line(gateway: Any, start_demo: Any) -> None:
    gateway.server_close()

    code, lines = await (await start_demo()).end()

    assert code == 1
    assert lines[-1].startswith("the demo failed: POST /v1/auth/login: no answer: ")


@pytest.mark.parametrize(
    ("asked", "answer", "told"),
    [
        (
            "GET /v1/sandbox/messages",
            {"found": []},
            "not as expected, KeyError 'items' after GET /v1/sandbox/messages: 200",
        ),
        ("GET /v1/sandbox/messages", {"items": [None]}, "not as expected, TypeError"),
        ("POST /v1/auth/login", ["two\nlines"], 'not an object: POST /v1/auth/login: 200 ["two\\nlines"]'),
        ("PUT /v1/users/u/follow", {}, "not as expected, KeyError 'state' after PUT /v1/users/u/follow: 200 {}"),
    ],
)
async def test_an_answer_of_another_shape_is_one_clear_line(
    gateway: Any, start_demo: Any, asked: str, answer: Any, told: str
) -> None:
    gateway.answers[asked] = answer
    gateway.may_go_on.set()

    code, lines = await (await start_demo()).end()

    assert code == 1
    assert "Traceback" not in "\n".join(lines)
    assert lines[-1].startswith(f"the demo failed: {told}")
    assert [line.split()[0] for line in lines[-2:]] == ["failed", "the"]


@pytest.fixture
def phone(gateway: Any) -> Any:
    made = Phone(f"http://127.0.0.1:{gateway.server_port}", "the author")
    yield made
    made.close()


async def test_a_profile_waits_until_the_account_is_known(gateway: Any, phone: Phone) -> None:
    gateway.early[ME] = [(404, {}), (503, {"Retry-After": "0"}), (404, {})]

    await asyncio.to_thread(introduce, phone, "demo_author", "منى")

    assert gateway.asked == [ME] * 4


async def test_a_refused_profile_is_told_at_once(gateway: Any, phone: Phone) -> None:
    gateway.early[ME] = [(422, {})]

    with pytest.raises(DemoFailed, match="PATCH /v1/users/me: 422"):
        await asyncio.to_thread(introduce, phone, "demo_author", "منى")

    assert gateway.asked == [ME]


@pytest.mark.parametrize(("asked", "seconds"), [("2", 2.0), ("3600", 10.0), (None, 0.25), ("soon", 0.25)])
def test_the_pause_is_what_the_server_asks_for(asked: str | None, seconds: float) -> None:
    headers = {} if asked is None else {"Retry-After": asked}

    assert pause_after(httpx.Response(429, headers=headers)) == seconds
