"""One run on throw-away stores, from the file to the summary; and the rest of one that was stopped."""

from asyncio import CancelledError
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import msgspec
from psycopg import OperationalError as PostgresDown

from daira_cli.errors import LeftDebugger, Partial, Refused
from daira_cli.run.casting import Casting
from daira_cli.run.notes import open_notes
from daira_cli.run.outcome import FORMAT, Head, Outcome, ResultFile
from daira_cli.run.reading import Dump
from daira_cli.run.running import Running, Summary
from daira_cli.run.scratch import Checkpoint, Scratch, Stores, discard, lead, make, planned
from daira_cli.run.wall import walled_in
from daira_cli.run.watching import Left, Watch
from daira_cli.services import AnyService
from daira_contracts.upcasting import UPCASTS, Upcast
from daira_kit.errors import Unavailable
from daira_runtime.replay import open_replay
from daira_stores.changes import Progress

GO_ON = "the same command with --from-checkpoint goes on where this one stopped"
Each = Callable[[Outcome], None]


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody asked for."""

    dump: Path
    service: AnyService
    settings: Any
    """The service's own; its servers carry the throw-away stores."""
    stores: Stores = Stores()
    result: Path | None = None
    rate: float | None = None
    """Records a second at most."""
    break_on: int | None = None
    post_mortem: bool = False
    edited: bool = False
    from_checkpoint: bool = False
    restart: bool = False
    keep: bool = False
    upcasts: Sequence[Upcast] = UPCASTS


async def run_on_scratch(plan: Plan, each: Each, began: Callable[[int, int], None]) -> tuple[Summary, Scratch]:
    """`each(outcome)` is told as records are done, `began(done, total)` once before.

    Cancelled, it raises Partial and leaves the stores for `from_checkpoint`. Raises Usage and Refused.
    """
    with Dump.open(plan.dump, edited=plan.edited) as dump:
        checkpoint = Checkpoint.open(plan.dump, plan.service.name)
        keep = True
        try:
            made, led = await _stores(plan, dump, checkpoint)
            keep = False
            summary = await _run(plan, dump, led, each, began)
        except (Refused, LeftDebugger):
            keep = keep or plan.from_checkpoint  # what was done before this command is not its to lose
            raise
        except CancelledError:
            if checkpoint.read() is None:
                raise  # nothing had begun
            keep = True
            raise Partial(f"stopped; what was done is kept in {checkpoint.path}", then=GO_ON) from None
        except (PostgresDown, Unavailable) as error:
            keep = True
            raise Partial(f"a store went away: {error}", then=GO_ON, code="store_down") from error
        else:
            return summary, made
        finally:
            if not keep and not plan.keep:
                await discard(plan.settings, plan.stores, made)
            checkpoint.close(keep=keep and bool(checkpoint.read()))


async def _stores(plan: Plan, dump: Dump, checkpoint: Checkpoint) -> tuple[Scratch, Any]:
    earlier = checkpoint.read()
    if earlier is not None and (plan.restart or not earlier.ready):
        await discard(plan.settings, plan.stores, earlier)
        earlier = None
    if earlier is not None and not plan.from_checkpoint:
        raise Refused(
            f"an earlier run of {plan.dump} stopped half way",
            then="--from-checkpoint goes on with it, --restart throws it away",
            code="half_way",
        )
    if earlier is None:
        wanted = planned(plan.service, dump.digest)
        checkpoint.write(wanted)
        try:
            made, led = await make(plan.service, plan.settings, plan.stores, wanted)
        except BaseException:
            await discard(plan.settings, plan.stores, wanted)  # and when that fails, the next run does it
            checkpoint.clear()
            raise
        checkpoint.write(made)
        return made, led
    if earlier.dump != dump.digest:
        raise Refused(
            f"{plan.dump} changed since the run that is to be continued",
            then="begin anew with --restart",
            code="changed",
        )
    return earlier, lead(plan.settings, plan.stores, earlier)


async def _run(plan: Plan, dump: Dump, led: Any, each: Each, began: Callable[[int, int], None]) -> Summary:
    async with AsyncExitStack() as stack:
        wall = stack.enter_context(walled_in(led))
        watch = Watch(break_on=plan.break_on, post_mortem=plan.post_mortem, wall=wall)
        notes = await stack.enter_async_context(open_notes(led))
        replay = await stack.enter_async_context(open_replay(plan.service, led, watch))
        casting = Casting.plan(dump, replay.subscriptions, plan.upcasts)
        progress = await notes.progress()
        if not progress.next_index:
            await notes.noted()
            await notes.settle(Progress(next_index=0, result_bytes=0))  # what building the service wrote is no change
        result = _result(plan, dump, progress)
        summary = Summary.of(progress, plan.service.name)
        running = Running(dump, replay, casting, watch, notes, result, summary)
        began(progress.next_index, len(dump.entries))
        try:
            summary = await running.run(progress.next_index, each, rate=plan.rate)
        except Left:
            raise LeftDebugger(f"left the debugger; nothing of line {watch.line} was kept") from None
        finally:
            result.close()
        if not watch.has_stopped:
            summary.passed_by_line = plan.break_on
        return summary


def _result(plan: Plan, dump: Dump, progress: Progress) -> ResultFile:
    if progress.next_index and not progress.result_bytes and plan.result is not None:
        raise Refused(
            "the run that is to be continued wrote no result",
            then="leave --result out, or begin anew with --restart",
            code="other_result",
        )
    head = Head(format=FORMAT, service=plan.service.name, dump=dump.digest)
    return ResultFile(plan.result, head, keep_bytes=progress.result_bytes if plan.result else 0)
