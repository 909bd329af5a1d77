"""Consumer groups on a real broker: what is behind, and a stopped group put elsewhere and back."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest
from aiokafka import AIOKafkaConsumer

from daira_bus.groups import GroupBusy, Place, hold, open_groups
from daira_bus.log import Log
from daira_cli.errors import Refused
from daira_cli.exits import Exit
from daira_cli.groups.lag import lag_of
from daira_cli.groups.moving import Move, carry_out, commit, moves
from daira_cli.where import Where
from daira_contracts.user import SettingsChangedV1
from daira_devtools.stack import Stack
from daira_kit.clock import now
from daira_kit.ids import new_id
from daira_testing.broker_gate import COMMIT, BrokerGate
from daira_testing.command import Said, say
from daira_testing.delivery import change
from daira_testing.topics import TopicProbe
from daira_testing.waiting import eventually

TOPIC = SettingsChangedV1.topic


class Readers:
    """A group of the tests' own on the run's topics."""

    def __init__(self, probe: TopicProbe) -> None:
        self.probe, self.name = probe, f"daira.{new_id().hex[-8:]}"
        self.where = Where(bootstrap=probe.bootstrap, prefix=probe.prefix)

    async def daira(self, *words: object) -> Said:
        return await say(*words, "--bootstrap", self.probe.bootstrap, "--prefix", self.probe.prefix)

    async def publish(self, count: int) -> None:
        await self.probe.publish(*(change() for _ in range(count)))

    @asynccontextmanager
    async def joined(self) -> AsyncIterator[AIOKafkaConsumer]:
        """A member that has its partitions."""
        client = AIOKafkaConsumer(
            self.probe.prefix + TOPIC,
            bootstrap_servers=self.probe.bootstrap,
            group_id=self.probe.prefix + self.name,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
        )
        await client.start()
        try:
            await eventually(lambda: _truth(client.assignment()))
            yield client
        finally:
            await client.stop()

    async def read_all(self) -> int:
        """Read to the end, commit, leave; how many records came."""
        async with self.joined() as client:
            ends = await client.end_offsets(list(client.assignment()))
            count = 0
            while any([await client.position(one) < end for one, end in ends.items()]):
                count += sum(len(records) for records in (await client.getmany(timeout_ms=200)).values())
            await client.commit()
            return count

    async def committed(self) -> dict[Place, int]:
        async with open_groups(self.probe.bootstrap, self.probe.prefix) as groups:
            return await groups.committed(self.name)

    async def plan(self, *, to_end: bool = False) -> list[Move]:
        async with open_groups(self.probe.bootstrap, self.probe.prefix) as groups:
            lag = await lag_of(groups, Log(self.probe.bootstrap, self.probe.prefix), self.name)
        return moves(lag.partitions, {one.place: one.end if to_end else one.start for one in lag.partitions})


async def _truth(value: object) -> bool:
    return bool(value)


@pytest.fixture
async def readers(probe: TopicProbe) -> Readers:
    """Has read everything there is, at least seven records, and stopped."""
    found = Readers(probe)
    await found.publish(7)
    await found.read_all()
    return found


async def test_the_list_says_how_many_records_a_group_is_behind_and_since_when(readers: Readers) -> None:
    await readers.publish(5)

    listed = (await readers.daira("groups", "ls", "--json")).json

    (mine,) = [one for one in listed if one["group"] == readers.name]
    assert (mine["state"], mine["lag"], mine["members"]) == ("Empty", 5, [])
    assert mine["oldestUnread"] is not None
    assert readers.name in (await readers.daira("groups", "ls")).out


async def test_a_group_is_shown_partition_by_partition_with_who_reads_it(readers: Readers) -> None:
    await readers.publish(3)
    async with readers.joined():
        said = await readers.daira("groups", "show", readers.name.removeprefix("daira."), "--json")
        text = (await readers.daira("groups", "show", readers.name)).out

    assert sum(one["lag"] for one in said.json["partitions"]) == said.json["lag"] == 3
    assert [member["host"] for member in said.json["members"]] == ["127.0.0.1"]
    assert "Stable, 1 members, 3 behind" in text
    assert "aiokafka" in text


async def test_a_dry_run_shows_the_impact_and_changes_nothing(
    readers: Readers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    before = await readers.committed()

    said = await readers.daira("groups", "reset", readers.name, "--to-earliest", "--dry-run")

    assert said.code == Exit.OK
    assert "again" in said.out
    assert "nothing was changed" in said.out
    assert await readers.committed() == before
    assert list(tmp_path.iterdir()) == []  # noqa: ASYNC240


async def test_a_group_put_to_the_earliest_record_reads_everything_again_and_undo_puts_it_back(
    readers: Readers, tmp_path: Path
) -> None:
    before, file = await readers.committed(), tmp_path / "undo.json"
    total = sum(before.values())

    said = await readers.daira("groups", "reset", readers.name, "--to-earliest", "--yes", "--undo-file", file)
    rewound = await readers.committed()
    undone = await readers.daira(
        "groups", "reset", readers.name, "--undo", file, "--yes", "--undo-file", tmp_path / "2"
    )

    assert (said.code, undone.code) == (Exit.OK, Exit.OK)
    assert f"0 behind now, {total:,} then" in said.out
    assert set(rewound.values()) == {0}
    assert await readers.committed() == before
    assert await readers.read_all() == 0


async def test_a_time_finds_the_first_record_that_is_not_older(readers: Readers, tmp_path: Path) -> None:
    await asyncio.sleep(0.01)
    moment = now()
    await readers.publish(4)
    await readers.read_all()

    said = await readers.daira(
        *("groups", "reset", readers.name, "--to-time", moment.isoformat(), "--yes", "--json"),
        *("--undo-file", tmp_path / "undo.json"),
    )

    assert said.json["applied"]
    assert await readers.read_all() == 4


async def test_the_end_skips_what_was_never_handled_and_says_so(readers: Readers, tmp_path: Path) -> None:
    await readers.publish(6)

    said = await readers.daira(
        "groups", "reset", readers.name, "--to-latest", "--yes", "--undo-file", tmp_path / "undo.json"
    )

    assert "never handled" in said.out
    assert "6 behind now, 0 then" in said.out
    assert await readers.read_all() == 0


async def test_one_partition_is_put_to_one_offset_and_the_others_stay(readers: Readers, tmp_path: Path) -> None:
    before = await readers.committed()
    place = next(place for place, offset in before.items() if offset > 0)

    await readers.daira(
        *("groups", "reset", readers.name, "--topic", TOPIC, "--partition", place[1], "--to-offset", 0, "--yes"),
        *("--undo-file", tmp_path / "undo.json"),
    )

    assert await readers.committed() == before | {place: 0}


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--to-offset", "999999999"), "offset_out_of_range"),
        (("--to-earliest", "--to-latest"), "two_targets"),
        ((), "no_target"),
        (("--to-time", "yesterday"), "usage"),
        (("--to-earliest", "--topic", "feed.no-such.v1"), "unknown_topic"),
        (("--undo", "/no/such/file.json"), "bad_undo_file"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_what_makes_no_sense_is_refused_by_name(readers: Readers, words: tuple[str, ...], code: str) -> None:
    said = await readers.daira("groups", "reset", readers.name, *words, "--yes")

    assert (said.code, f"[{code}]" in said.err, "\n→ " in said.err) == (Exit.USAGE, True, True)


async def test_a_group_nobody_knows_is_answered_with_the_closest(readers: Readers) -> None:
    said = await readers.daira("groups", "show", readers.name + "x")

    assert (said.code, f"did you mean {readers.name}?" in said.err) == (Exit.USAGE, True)


async def test_without_a_person_or_yes_nothing_is_changed(readers: Readers) -> None:
    before = await readers.committed()

    said = await readers.daira("groups", "reset", readers.name, "--to-earliest")

    assert (said.code, "[not_confirmed]" in said.err) == (Exit.REFUSED, True)
    assert await readers.committed() == before


async def test_a_running_group_is_refused_and_its_members_are_named(readers: Readers, tmp_path: Path) -> None:
    before = await readers.committed()
    async with readers.joined():
        said = await readers.daira(
            "groups", "reset", readers.name, "--to-earliest", "--yes", "--undo-file", tmp_path / "undo.json"
        )

    assert (said.code, "[group_busy]" in said.err, "on 127.0.0.1" in said.err) == (Exit.REFUSED, True, True)
    assert await readers.committed() == before


async def test_a_member_that_starts_after_the_impact_was_shown_stops_the_reset_undisturbed(
    readers: Readers, tmp_path: Path
) -> None:
    plan, before = await readers.plan(), await readers.committed()

    async with readers.joined() as member:
        generation = member._coordinator.generation
        with pytest.raises(GroupBusy):
            await carry_out(readers.where, readers.name, plan, tmp_path / "undo.json")
        assert member._coordinator.generation == generation

    assert await readers.committed() == before


async def test_a_member_that_starts_while_the_group_is_held_stops_the_commit_and_nothing_is_left_to_undo(
    readers: Readers, tmp_path: Path
) -> None:
    before, probe, undo = await readers.committed(), readers.probe, tmp_path / "undo.json"
    async with hold(probe.bootstrap, probe.prefix, readers.name, [TOPIC], "operator") as held, readers.joined():
        undo.write_text("saved before the commit")
        with pytest.raises(GroupBusy):
            await commit(held, dict.fromkeys(before, 0), undo)

    assert (await readers.committed(), undo.exists()) == (before, False)


async def test_offsets_that_moved_since_the_impact_was_shown_are_refused(readers: Readers, tmp_path: Path) -> None:
    plan = await readers.plan()
    await readers.publish(2)
    await readers.read_all()
    before = await readers.committed()

    with pytest.raises(Refused, match="moved"):
        await carry_out(readers.where, readers.name, plan, tmp_path / "undo.json")

    assert await readers.committed() == before


async def test_of_two_operators_at_once_at_most_one_changes_anything(readers: Readers, tmp_path: Path) -> None:
    await readers.publish(3)
    before = await readers.committed()
    plans = [await readers.plan(), await readers.plan(to_end=True)]

    ends = await asyncio.gather(
        *(carry_out(readers.where, readers.name, plan, tmp_path / str(n)) for n, plan in enumerate(plans)),
        return_exceptions=True,
    )

    results = [before, *(before | {move.place: move.to for move in plan if move.changes} for plan in plans)]
    winners = [number for number, end in enumerate(ends) if end is None]
    assert len(winners) <= 1
    assert await readers.committed() == results[winners[0] + 1 if winners else 0]
    assert all(end is None or isinstance(end, GroupBusy | Refused) for end in ends)


async def test_an_undo_file_that_is_there_is_never_overwritten(readers: Readers, tmp_path: Path) -> None:
    file, before = tmp_path / "undo.json", await readers.committed()
    file.write_text("precious")

    said = await readers.daira("groups", "reset", readers.name, "--to-earliest", "--yes", "--undo-file", file)

    assert (said.code, "[no_undo]" in said.err, file.read_text()) == (Exit.REFUSED, True, "precious")
    assert await readers.committed() == before


async def test_an_undo_file_of_another_group_is_refused(readers: Readers, tmp_path: Path) -> None:
    file = tmp_path / "undo.json"
    await readers.daira("groups", "reset", readers.name, "--to-earliest", "--yes", "--undo-file", file)
    saved = msgspec.json.decode(file.read_bytes())
    file.write_bytes(msgspec.json.encode(saved | {"group": "daira.other"}))

    said = await readers.daira("groups", "reset", readers.name, "--undo", file, "--yes")

    assert (said.code, "daira.other" in said.err) == (Exit.USAGE, True)


@pytest.mark.slow
@pytest.mark.parametrize("is_done", [False, True], ids=["before it was done", "after it was done"])
async def test_a_broker_lost_during_the_commit_leaves_all_or_nothing_and_a_way_on_and_back(
    readers: Readers, own_stack: Stack, tmp_path: Path, is_done: bool
) -> None:
    before, file, probe = await readers.committed(), tmp_path / "undo.json", readers.probe
    words = ("groups", "reset", readers.name, "--to-earliest", "--yes", "--undo-file", file)

    async def kill() -> None:
        await own_stack.stop("kafka", kill=True)

    async def done(*words: object) -> bool:
        said = await readers.daira(*words)
        assert said.code == Exit.OK, said.err  # until the group forgets the member it lost
        return True

    async with BrokerGate(probe.bootstrap, COMMIT, kill, done=is_done) as gate:
        try:
            said = await say(*words, "--bootstrap", gate.address, "--prefix", probe.prefix)
        finally:
            await own_stack.start("kafka")

    assert (said.code, "[partial]" in said.err, str(file) in said.err) == (Exit.PARTIAL, True, True), said
    assert await eventually(readers.committed) == (dict.fromkeys(before, 0) if is_done else before)
    await eventually(lambda: done(*words), every=1)
    assert set((await readers.committed()).values()) == {0}
    back = (*words[:3], "--undo", file, "--yes", "--undo-file", tmp_path / "2")
    await eventually(lambda: done(*back), every=1)
    assert await readers.committed() == before


async def test_a_broker_that_does_not_answer_is_told_as_such() -> None:
    said = await say("groups", "ls", "--bootstrap", "127.0.0.1:1")

    assert (said.code, "[kafka_down]" in said.err) == (Exit.DOWN, True)
    assert "Traceback" not in said.err
