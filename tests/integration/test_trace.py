"""One trace id, from the client's request through the topics and back, in the log of every service on the way."""

import json
import secrets
from pathlib import Path
from typing import Any

from daira_devtools.stack import Endpoints, Stack
from daira_testing.journal import follower_and_author
from daira_testing.waiting import eventually

Line = dict[str, Any]


def lines_of(log: Path, trace_id: str) -> list[Line]:
    """What a service has logged about a trace."""
    return [json.loads(line) for line in log.read_text(errors="replace").splitlines() if trace_id in line]


async def test_the_trace_of_a_request_goes_on_in_every_service_that_hears_of_it(
    platform: Endpoints, own_stack: Stack
) -> None:
    trace_id = secrets.token_hex(16)
    async with follower_and_author(platform.gateway_url) as (follower, author):
        author.client.headers["traceparent"] = f"00-{trace_id}-{secrets.token_hex(8)}-01"
        await author.post("أثر واحد")

        async def arrived() -> bool:
            return set(author.posts) <= set(await follower.circle())

        await eventually(arrived, every=0.2)

    def seen(service: str) -> list[tuple[str, str]]:
        lines = lines_of(own_stack.folder.log(service), trace_id)
        assert {line["service"] for line in lines} <= {service}
        return [(line["event"], line.get("handler") or line.get("route") or "") for line in lines]

    assert ("request", "/v1/posts") in seen("feed")
    assert ("record_handled", "judge_post") in seen("moderation")
    assert ("record_handled", "apply_verdict") in seen("feed")
