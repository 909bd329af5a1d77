"""A server that is gone without a word: nobody waits for it for ever."""

import pytest

from daira_bus import relay
from daira_contracts.user import SettingsChangedV1
from daira_stores.postgres import open_database
from daira_testing.delivery import change, emit, relaying
from daira_testing.fixtures import MakeDatabase
from daira_testing.gate import Gate
from daira_testing.topics import TopicProbe


async def test_a_relay_leaves_a_connection_on_which_the_database_says_nothing(
    make_database: MakeDatabase, probe: TopicProbe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "ANSWER_SECONDS", 1.0)
    owner, before, after = await make_database(), change(), change()

    async with Gate(owner.dsn) as gate, open_database(gate.url, "user", size=1) as far, relaying(far, probe):
        await emit(owner, before)
        await probe.wait_for(SettingsChangedV1, lambda event: event.event_id == before.event_id)

        gate.swallow()
        await emit(owner, after)
        await probe.wait_for(SettingsChangedV1, lambda event: event.event_id == after.event_id)
