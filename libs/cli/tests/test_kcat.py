"""Topics are readable with what everybody has: no plug-in, no schema, no code of ours."""

import asyncio
import json
import shutil
from typing import Any

import pytest

from daira_contracts.topics import dead_letter_name
from daira_contracts.user import SettingsChangedV1
from daira_kit.ids import new_id
from daira_testing.topics import TopicProbe


@pytest.fixture(autouse=True)
def installed() -> None:
    """What is not tried is not known to work: without kcat this fails."""
    if shutil.which("kcat") is None:
        pytest.fail("topics are read with kcat, and there is none: apt-get install kcat")


async def kcat(probe: TopicProbe, topic: str, key: str) -> list[dict[str, Any]]:
    """The records of a key as `kcat -C -J` prints them; other tests left bytes there that are no text."""
    process = await asyncio.create_subprocess_exec(
        *("kcat", "-b", probe.bootstrap, "-C", "-e", "-q", "-J", "-t", probe.prefix + topic),
        stdout=asyncio.subprocess.PIPE,
    )
    printed, _ = await process.communicate()
    assert process.returncode == 0
    found = [json.loads(line) for line in printed.splitlines() if key.encode() in line]
    return [record for record in found if record["key"] == key]


def headers(record: dict[str, Any]) -> dict[str, str]:
    names, values = record["headers"][::2], record["headers"][1::2]
    return dict(zip(names, values, strict=True))


async def test_kcat_shows_readable_json_and_its_headers(probe: TopicProbe) -> None:
    event = SettingsChangedV1(user_id=new_id())
    await probe.publish(event)

    (record,) = await kcat(probe, event.topic, str(event.user_id))

    assert json.loads(record["payload"])["eventId"] == str(event.event_id)
    told = headers(record)
    assert (told["ce_id"], told["ce_type"], told["ce_source"]) == (str(event.event_id), event.topic, "test")
    assert told["ce_time"].startswith(event.occurred_at.isoformat()[:19])


async def test_kcat_shows_why_a_dead_letter_died(probe: TopicProbe) -> None:
    topic, key = dead_letter_name(SettingsChangedV1.topic, "feed"), str(new_id())
    why = [("daira-handler", b"remember_settings"), ("daira-error-code", b"poison")]
    await probe.producer.send(topic, key.encode(), b"{}", why)

    (record,) = await kcat(probe, topic, key)

    assert headers(record) == {"daira-handler": "remember_settings", "daira-error-code": "poison"}
