"""`daira groups ls | show | reset`."""

from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from daira_bus.groups import Groups, open_groups
from daira_bus.log import Log
from daira_cli.commands import COMMANDS
from daira_cli.console import DryRun, Json, Output, Yes
from daira_cli.errors import Refused, Usage
from daira_cli.exits import Exit
from daira_cli.groups.lag import GroupLag, age, full_name, lag_of
from daira_cli.groups.moving import Move, Target, carry_out, moves, read_undo, targets, undoing
from daira_cli.moments import moment
from daira_cli.where import Where
from daira_kit.clock import now

app = App(name="groups", help=COMMANDS["groups"])


@app.command
async def ls(*, where: Where | None = None, json: Json = False) -> int:
    """List every group: state, members, records behind, age of the oldest record it has not read.

    `daira groups ls --stack 8080`
    """
    out, at = Output(json), where or Where()
    log = Log(at.kafka(), at.topic_prefix())
    async with open_groups(at.kafka(), at.topic_prefix()) as groups:
        found = [await lag_of(groups, log, name, since=True) for name in await groups.names()]
    clock = now()
    out.table(
        ("group", "state", "members", "lag", "oldest unread"),
        [
            (one.group.name, one.group.state, len(one.group.members), one.lag, age(one.waits_since, clock))
            for one in found
        ],
    )
    out.document([_summary(one) for one in found])
    return Exit.OK


@app.command
async def show(group: str, *, where: Where | None = None, json: Json = False) -> int:
    """Show one group partition by partition, and who reads what.

    `daira groups show feed --stack 8080`

    Parameters
    ----------
    group
        its name, `daira.feed` or short `feed`
    """
    out, at = Output(json), where or Where()
    async with open_groups(at.kafka(), at.topic_prefix()) as groups:
        name = await _known(groups, group)
        found = await lag_of(groups, Log(at.kafka(), at.topic_prefix()), name, since=True)
    clock, readers = now(), _readers(found)
    out.line(f"{name}: {found.group.state}, {len(found.group.members)} members, {found.lag:,} behind")
    out.table(
        ("topic", "partition", "start", "end", "committed", "lag", "oldest unread", "read by"),
        [
            (
                *one.place,
                one.start,
                one.end,
                one.committed,
                one.lag,
                age(one.waits_since, clock),
                readers.get(one.place),
            )
            for one in found.partitions
        ],
    )
    out.document(_summary(found) | {"partitions": [_partition(one) for one in found.partitions]})
    return Exit.OK


@app.command
async def reset(
    group: str,
    *,
    topic: list[str] | None = None,
    partition: Annotated[int | None, Parameter(help="only this partition of the topics")] = None,
    to_earliest: bool = False,
    to_latest: bool = False,
    to_time: str | None = None,
    to_offset: int | None = None,
    undo: Path | None = None,
    undo_file: Path | None = None,
    where: Where | None = None,
    yes: Yes = False,
    dry_run: DryRun = False,
    json: Json = False,
) -> int:
    """Put a stopped group to another place in the log: shows the impact first, asks, and writes an undo file.

    Records read again are recognised by the service's inbox and change nothing, as long as the inbox remembers them.
    `daira groups reset feed --topic user.profile-changed.v1 --to-time 2h --dry-run`;
    `daira groups reset feed --undo daira-undo-feed-….json`

    Parameters
    ----------
    group
        its name, `daira.feed` or short `feed`; every process of it must be stopped
    topic
        only this topic; may be given several times
    to_earliest
        to the oldest record there is
    to_latest
        to the end: nothing written so far is read
    to_time
        to the first record not older than this: 2h, 7d, 2026-11-22T14:30:00+02:00
    to_offset
        to this offset, which all chosen partitions must hold
    undo
        put back what this undo file of an earlier reset holds
    undo_file
        where to write the undo file of this one; default `daira-undo-<group>-<time>.json` here
    """
    out, at = Output(json), where or Where()
    target = _target(to_earliest, to_latest, to_time, to_offset, undo)
    log = Log(at.kafka(), at.topic_prefix())
    lag = await _lag(at, log, group)
    name = lag.group.name
    wanted = _undone(undo, name, lag) if undo else await _moved(log, lag, target, topic, partition)
    _show_impact(out, lag, wanted)
    document = {"group": name, "members": lag.group.members, "moves": [_move(one) for one in wanted]}
    if dry_run or not any(move.changes for move in wanted):
        out.line("nothing was changed")
        out.document(document | {"applied": False})
        return Exit.OK
    _refuse_running(lag)
    out.confirm(f"put {name} to these places?", yes=yes)
    file = undo_file or Path(f"daira-undo-{name.rpartition('.')[2]}-{now():%Y%m%dT%H%M%S%f}.json")
    await carry_out(at, name, wanted, file)
    out.line(f"done; to undo it: daira groups reset {group} --undo {file}")
    out.document(document | {"applied": True, "undoFile": str(file)})
    return Exit.OK


async def _lag(at: Where, log: Log, group: str) -> GroupLag:
    async with open_groups(at.kafka(), at.topic_prefix()) as groups:
        return await lag_of(groups, log, await _known(groups, group))


def _refuse_running(lag: GroupLag) -> None:
    if lag.group.is_stopped:
        return
    who = sorted({f"{member.client_id} on {member.host}" for member in lag.group.members}) or [lag.group.state]
    raise Refused(
        f"{lag.group.name} is not stopped: {', '.join(who)}", then="stop its workers first", code="group_busy"
    )


def _target(earliest: bool, latest: bool, time: str | None, offset: int | None, undo: Path | None) -> Target:
    chosen = sum((earliest, latest, time is not None, offset is not None, undo is not None))
    if chosen != 1:
        then = "--to-earliest, --to-latest, --to-time, --to-offset or --undo"
        raise Usage("say where to, once", then=then, code="no_target" if not chosen else "two_targets")
    return Target(earliest=earliest, latest=latest, time=moment(time, now()), offset=offset)


async def _known(groups: Groups, name: str) -> str:
    wanted, names = full_name(name), await groups.names()
    for one in (name, wanted):
        if one in names:
            return one
    close = get_close_matches(wanted, names, n=1)
    hint = f"did you mean {close[0]}?" if close else "daira groups ls lists them"
    raise Usage(f"no group {wanted} on this broker", then=hint, code="unknown_group")


async def _moved(
    log: Log, lag: GroupLag, target: Target, topics: Sequence[str] | None, partition: int | None
) -> list[Move]:
    chosen = [
        one
        for one in lag.partitions
        if (not topics or one.topic in topics) and (partition is None or one.partition == partition)
    ]
    missing = set(topics or ()) - {one.topic for one in chosen}
    if missing or not chosen:
        what = ", ".join(sorted(missing)) or f"partition {partition}"
        then = f"daira groups show {lag.group.name}"
        raise Usage(f"{lag.group.name} does not read {what}", then=then, code="unknown_topic")
    return moves(chosen, await targets(log, chosen, target))


def _undone(file: Path, name: str, lag: GroupLag) -> list[Move]:
    saved = read_undo(file)
    if saved.group != name:
        raise Usage(f"{file} is of {saved.group}", then=f"daira groups reset {saved.group} --undo {file}")
    return undoing(saved, lag)


def _show_impact(out: Output, lag: GroupLag, wanted: Sequence[Move]) -> None:
    rows = [(move.topic, move.partition, move.now, move.to, move.effect) for move in wanted]
    out.table(("topic", "partition", "now", "to", "effect"), rows)
    before, after = sum(move.lag_now for move in wanted), sum(move.lag_then for move in wanted)
    out.line(f"{lag.group.name}: {before:,} behind now, {after:,} then")


def _readers(found: GroupLag) -> dict[tuple[str, int], str]:
    return {place: f"{one.client_id} on {one.host}" for one in found.group.members for place in one.partitions}


def _summary(one: GroupLag) -> dict[str, object]:
    group = one.group
    return {
        "group": group.name,
        "state": group.state,
        "members": group.members,
        "lag": one.lag,
        "oldestUnread": one.waits_since,
    }


def _partition(one: object) -> dict[str, object]:
    names = ("topic", "partition", "start", "end", "committed", "lag", "lost")
    return {name: getattr(one, name) for name in names} | {"oldestUnread": getattr(one, "waits_since", None)}


def _move(one: Move) -> dict[str, object]:
    names = ("topic", "partition", "now", "to", "effect")
    return {name: getattr(one, name) for name in names}
