"""`daira dlq ls | show | redrive | discard`."""

from collections import Counter
from datetime import datetime
from typing import Annotated

import msgspec
from cyclopts import App, Parameter

from daira_bus.letters import FAILED_AGAIN, Letter, Pile, read_pile
from daira_bus.log import open_log
from daira_cli.audit import audited
from daira_cli.commands import COMMANDS
from daira_cli.console import DryRun, Json, Output, Yes
from daira_cli.dlq.choice import Choice, check_names, groups, letter_of, subjects
from daira_cli.dlq.discarding import discard as marked_discarded
from daira_cli.dlq.hiding import why_settled
from daira_cli.dlq.round import Round
from daira_cli.dlq.verdict import REFUSED, Verdict
from daira_cli.dlq.view import View, view
from daira_cli.errors import Refused, Usage
from daira_cli.exits import Exit
from daira_cli.where import Where
from daira_cli.who import who

app = App(name="dlq", help=COMMANDS["dlq"])
CAP = 5
STYLES = {FAILED_AGAIN: "red", REFUSED: "yellow"}
CHOOSE = Choice()
Reason = Annotated[str, Parameter(help="Why; kept with the mark for as long as the letter.")]


@app.command
async def ls(
    *,
    where: Where | None = None,
    service: Annotated[str | None, Parameter(help="The service whose handler failed.")] = None,
    topic: Annotated[str | None, Parameter(help="The topic the records came from.")] = None,
    settled: Annotated[bool, Parameter(negative="", help="What became of the others: by whom, why, when.")] = False,
    json: Json = False,
) -> int:
    """Open letters by topic, service, error class and handler: how many, since when, and one to look at.

    `daira dlq ls --stack 8080`
    """
    out, at = Output(json), where or Where()
    pile = await _pile(at, topic, service)
    check_names(pile, topic, service)
    if settled:
        _list_settled(out, pile)
        return Exit.OK
    found = groups(pile.open)
    headers = ("topic", "service", "class", "handler", "letters", "attempt", "first seen", "last seen", "sample")
    rows = [
        (g.topic, g.service, g.code, g.handler, g.count, g.attempt, _clock(g.first_seen), _clock(g.last_seen), g.sample)
        for g in found
    ]
    if rows:
        out.table(headers, rows)
        out.line("→ daira dlq show SAMPLE")
    else:
        out.line("no open dead letters")
    out.document({"groups": found})
    return Exit.OK


@app.command
async def show(
    id: Annotated[str, Parameter(help="As `daira dlq ls` names it.")],
    *,
    where: Where | None = None,
    unredacted: Annotated[bool, Parameter(negative="", help="People's words too; needs --reason.")] = False,
    reason: Reason = "",
    json: Json = False,
) -> int:
    """One letter: where it came from, why it died, its stack, its trace, its payload without people's words.

    `daira dlq show video.video-changed.v1.dlq.feed@17 --stack 8080`
    """
    out, at = Output(json), where or Where()
    if unredacted and not reason.strip():
        raise Refused("people's words are shown for a reason only", then="add --reason", code="reason_missing")
    pile = await _pile(at)
    letter = letter_of(pile, id)
    if unredacted:
        await audited(at.kafka(), at.topic_prefix(), "dlq.show.unredacted", [letter.id], reason)
    shown = view(letter, pile, unredacted=unredacted)
    _print(out, shown)
    out.document(shown)
    return Exit.OK


@app.command
async def redrive(
    *,
    choice: Choice = CHOOSE,
    where: Where | None = None,
    reason: Reason = "",
    cap: Annotated[int, Parameter(help="Letters that failed so many times are left alone.")] = CAP,
    yes: Yes = False,
    dry_run: DryRun = False,
    json: Json = False,
) -> int:
    """Send letters to the handler that failed, in this process and on the service's own stores, in their old order.

    Nobody else hears the records again. What was handled meanwhile is a duplicate; a state that is older than the one
    in its topic is superseded; what fails again is a new letter with one attempt more. The running service sends what
    the handler tells, and runs its jobs. `daira dlq redrive --class CheckViolation --service feed --dry-run`
    """
    out, at = Output(json), where or Where()
    async with open_log(at.kafka(), at.topic_prefix()) as log:
        round_ = Round(where=at, log=log, choice=choice, cap=cap, who=who(), why=reason)
        plan = await round_.plan()
        if dry_run or not plan:
            return _show_plan(out, plan)
        out.confirm(f"redrive {len(plan)} letters?", yes=yes)
        await audited(at.kafka(), at.topic_prefix(), "dlq.redrive", subjects(one.letter for one in plan), reason)
        counts = await _redriven(out, round_, plan)
    return Exit.FOUND if counts[FAILED_AGAIN] or counts[REFUSED] else Exit.OK


@app.command
async def discard(
    *,
    choice: Choice = CHOOSE,
    where: Where | None = None,
    reason: Reason,
    yes: Yes = False,
    dry_run: DryRun = False,
    json: Json = False,
) -> int:
    """Mark letters as not worth a redrive. They stay readable until their topic lets them go.

    `daira dlq discard --class not_decodable --topic feed.post-changed.v1 --reason "a test of the producer, INC-12"`
    """
    out, at = Output(json), where or Where()
    if not reason.strip():
        raise Usage("a letter is discarded for a reason", then='--reason "a test of the producer, INC-12"')
    async with open_log(at.kafka(), at.topic_prefix()) as log:
        letters = choice.of(await read_pile(log, choice.topic, choice.service))
        for letter in letters:
            out.line(f"{letter.id}  {letter.code}  {letter.handler}")
        if letters and not dry_run:
            out.confirm(f"discard {len(letters)} letters?", yes=yes)
            await audited(at.kafka(), at.topic_prefix(), "dlq.discard", subjects(letters), reason)
            asked, letters = len(letters), await marked_discarded(at, log, letters, who(), reason)
            if len(letters) < asked:
                out.line(f"{asked - len(letters)} were settled meanwhile: daira dlq ls --settled")
    out.line(f"{len(letters)} {'would be ' if dry_run else ''}discarded")
    out.document({"discarded": [letter.id for letter in letters], "dryRun": dry_run})
    return Exit.OK


async def _redriven(out: Output, round_: Round, plan: list[Verdict]) -> Counter[str]:
    counts: Counter[str] = Counter()
    results: list[dict[str, str]] = []
    say = out.record  # on one line, because an error follows
    with out.progress("redrive", total=len(plan)) as ticker:

        def told(letter: Letter, how: str, error: str) -> None:
            counts[how] += 1
            results.append({"id": letter.id, "outcome": how, "error": error})
            ticker.advance()
            out.line(f"{letter.id}  {how}  {error}".rstrip(), style=STYLES.get(how))

        try:
            await round_.run(plan, told)
            say = out.document
        finally:
            # Also of a round that stopped half way: what was done is done.
            out.line(", ".join(f"{count} {how}" for how, count in sorted(counts.items())))
            say({"outcomes": counts, "letters": results})
    return counts


def _show_plan(out: Output, plan: list[Verdict]) -> int:
    rows = [(one.letter.id, one.letter.service, one.letter.handler, one.does, one.why) for one in plan]
    if rows:
        out.table(("letter", "service", "handler", "would be", "because"), rows)
    else:
        out.line("no open letter fits")
    out.document({"plan": [dict(zip(("id", "service", "handler", "does", "why"), row, strict=True)) for row in rows]})
    return Exit.OK


def _list_settled(out: Output, pile: Pile) -> None:
    rows = [
        (letter.id, done.how, done.who, _clock(done.at), why_settled(done))
        for letter in pile.letters
        if (done := pile.settled.get(letter.id))
    ]
    out.table(("letter", "became", "by", "at", "why"), rows)
    out.document({"settled": [dict(zip(("id", "how", "who", "at", "why"), row, strict=True)) for row in rows]})


def _print(out: Output, shown: View) -> None:
    about = (
        ("letter", f"{shown.id}  {shown.state}  {shown.settled_by} {shown.settled_why}".rstrip()),
        ("record", f"{shown.topic}, partition {shown.partition}, offset {shown.offset}"),
        ("handler", f"{shown.service}: {shown.handler}, attempt {shown.attempt}, {shown.tries} tries"),
        ("died", _clock(shown.died_at)),
        ("error", f"{shown.code}: {shown.error}"),
        ("key", shown.key),
        *((f"header {name}", value) for name, value in shown.headers.items()),
    )
    for name, text in about:
        out.line(f"{name:<8} {text}")
    out.line("payload")
    out.line(msgspec.json.format(msgspec.json.encode(shown.value), indent=2).decode())
    out.line("stack")
    out.line(shown.stack.rstrip())
    out.line(f"→ daira trace {shown.trace_id}" if shown.trace_id else "→ it carries no trace")
    if shown.state == "open":
        out.line(f"→ daira dlq redrive --id {shown.id} --dry-run")


async def _pile(at: Where, topic: str | None = None, service: str | None = None) -> Pile:
    async with open_log(at.kafka(), at.topic_prefix()) as log:
        return await read_pile(log, topic, service)


def _clock(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}"
