"""Where a stopped group is put, what that means for it, and doing it when nobody else interferes."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

import msgspec

from daira_bus.errors import BrokerUnavailable
from daira_bus.groups import SESSION_SECONDS, GroupBusy, HeldGroup, Place, hold, open_groups
from daira_bus.log import Log
from daira_cli.errors import Partial, Refused, Usage
from daira_cli.groups.lag import GroupLag, Progress
from daira_cli.where import Where
from daira_cli.who import who
from daira_kit.clock import now


class Move(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One partition: `now` is what is committed (None: nothing), `to` what will be."""

    topic: str
    partition: int
    now: int | None
    to: int
    lag_now: int
    lag_then: int

    @property
    def place(self) -> Place:
        return self.topic, self.partition

    @property
    def effect(self) -> str:
        """What it means for the service."""
        if self.now == self.to or (self.now is None and self.lag_now == self.lag_then):
            return "stays"
        if self.lag_then > self.lag_now:
            return f"reads {self.lag_then - self.lag_now:,} again"
        return f"skips {self.lag_now - self.lag_then:,} never handled"

    @property
    def changes(self) -> bool:
        return self.effect != "stays"


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """Exactly one of these is set."""

    earliest: bool = False
    latest: bool = False
    time: datetime | None = None
    offset: int | None = None


class Undo(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What a reset changed: enough to put it back."""

    group: str
    prefix: str
    at: datetime
    by: str
    moves: tuple[Move, ...]


async def targets(log: Log, chosen: Sequence[Progress], target: Target) -> dict[Place, int]:
    """The offset for each partition. Raises Usage for an offset outside what the broker holds."""
    if target.offset is not None:
        for one in chosen:
            if not one.start <= target.offset <= one.end:
                there = f"{one.topic} partition {one.partition} holds {one.start} to {one.end}"
                then = "daira groups show says what each holds; --topic and --partition choose among them"
                raise Usage(f"{there}, {target.offset} is outside", then=then, code="offset_out_of_range")
        return {one.place: target.offset for one in chosen}
    if target.time is None:
        return {one.place: one.start if target.earliest else one.end for one in chosen}
    spans = await log.spans(sorted({one.topic for one in chosen}), since=target.time)
    return {(span.topic, span.partition): span.start for span in spans}


def moves(chosen: Iterable[Progress], to: Mapping[Place, int]) -> list[Move]:
    """The impact, partition by partition."""
    return [
        Move(
            topic=one.topic,
            partition=one.partition,
            now=one.committed,
            to=to[one.place],
            lag_now=one.lag,
            lag_then=max(0, one.end - max(to[one.place], one.start)),
        )
        for one in chosen
    ]


def undoing(saved: Undo, lag: GroupLag) -> list[Move]:
    """The moves that put a group back. What had no commit goes to the earliest record, where it would have begun."""
    before = {move.place: move.now for move in saved.moves}
    chosen = [one for one in lag.partitions if one.place in before]
    back = {one.place: one.start if (at := before[one.place]) is None else at for one in chosen}
    return moves(chosen, back)


async def carry_out(where: Where, group: str, wanted: Sequence[Move], undo_file: Path) -> None:
    """Hold the group, see that nothing moved meanwhile, save how to undo it, commit everything at once.

    Raises GroupBusy when somebody is in the group, Refused when its offsets are no longer those of the plan,
    Partial when the broker is lost while it commits.
    """
    bootstrap, prefix = where.kafka(), where.topic_prefix()
    async with hold(bootstrap, prefix, group, {move.topic for move in wanted}, who()) as held:
        async with open_groups(bootstrap, prefix) as groups:
            committed = await groups.committed(group)
        if any(committed.get(move.place) != move.now for move in wanted):
            then = "look at the impact again: run the same command once more"
            raise Refused(f"the offsets of {group} moved since the plan was made", then=then, code="moved_meanwhile")
        save(undo_file, Undo(group=group, prefix=prefix, at=now(), by=who(), moves=tuple(wanted)))
        await commit(held, {move.place: move.to for move in wanted if move.changes}, undo_file)


async def commit(held: HeldGroup, offsets: Mapping[Place, int], undo_file: Path) -> None:
    """All offsets or none. Raises GroupBusy, when there is nothing to undo, and Partial."""
    try:
        await held.put(offsets)
    except BrokerUnavailable as error:
        told = f"the broker went away during the commit: all of it was done, or nothing; to undo it: {undo_file}"
        then = f"daira groups show says which; the same command may be run again after {SESSION_SECONDS} seconds"
        raise Partial(told, then=then) from error
    except GroupBusy:
        forget(undo_file)
        raise


def save(path: Path, undo: Undo) -> None:
    """Written whole before anything changes; an existing file is never overwritten. Raises Refused.

    One that puts the same back stays as it is: an earlier try, which lost the broker, left it.
    """
    try:
        with path.open("xb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(undo), indent=2) + b"\n")
    except OSError as error:
        if not (isinstance(error, FileExistsError) and _holds_the_same(path, undo)):
            raise Refused(
                f"the undo file cannot be written: {error}", then="--undo-file PATH", code="no_undo"
            ) from None


def _holds_the_same(path: Path, undo: Undo) -> bool:
    try:
        saved = read_undo(path)
    except Usage:
        return False
    before, wanted = ({move.place: move.now for move in one.moves} for one in (saved, undo))
    return (saved.group, saved.prefix, before) == (undo.group, undo.prefix, wanted)


def forget(path: Path) -> None:
    """Nothing was changed: there is nothing to undo."""
    path.unlink(missing_ok=True)


def read_undo(path: Path) -> Undo:
    """Raises Usage for a file that is none."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Undo)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        then = "give the file that the reset named at its end: daira-undo-<group>-<time>.json"
        raise Usage(f"{path} is no undo file: {error}", then=then, code="bad_undo_file") from None
