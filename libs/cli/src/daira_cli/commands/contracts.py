"""`daira contracts ls | show | check | diff`: none of them needs a broker."""

from collections.abc import Sequence

import msgspec
from cyclopts import App

from daira_cli.commands import COMMANDS
from daira_cli.console import Json, Output
from daira_cli.contracts.base import base_of
from daira_cli.contracts.judging import Verdict, judge
from daira_cli.contracts.reading import installed, named
from daira_cli.contracts.recipe import needs_recipe, recipe
from daira_cli.contracts.showing import shown, version_of
from daira_cli.exits import Exit
from daira_cli.known import known_service, known_topic
from daira_contracts.registry import EVENTS
from daira_contracts.topics import Topic, hearers, topics

app = App(name="contracts", help=COMMANDS["contracts"])
COLUMNS = ("topic", "version", "kind", "owner", "told by", "heard by", "key", "partitions", "kept", "personal data")


@app.command
def ls(*, service: str | None = None, json: Json = False) -> int:
    """List every topic: who tells it, who hears it, its key, how long it is kept, how near to a person it is.

    `daira contracts ls --service feed`

    Parameters
    ----------
    service
        only topics this service tells or hears
    """
    out = Output(json)
    if service is not None:
        known_service(service)
    listed = [topic for topic in topics().values() if service in (None, *topic.producers, *topic.consumers)]
    out.table(COLUMNS, [_row(topic) for topic in listed])
    out.document([{"version": version_of(topic.topic), **msgspec.to_builtins(topic)} for topic in listed])
    return Exit.OK


@app.command
def show(topic: str, *, json: Json = False) -> int:
    """Show one topic: what it is, its fields, what records look like on the wire, which of them today's code reads.

    `daira contracts show feed.post-changed.v1`; the JSON Schema itself with `--json`

    Parameters
    ----------
    topic
        its full name
    """
    out, found = Output(json), shown(known_topic(topic))
    declared = found.topic
    out.line(declared.topic, style="bold")
    out.line(declared.description)
    out.line()
    out.table(("", ""), [(name, value) for name, value in zip(COLUMNS[1:], _row(declared)[1:], strict=True)])
    out.line(f"erasure: {declared.erasure or 'nothing of a person in it'}")
    out.line(f"compatible: {found.compatible}")
    out.line()
    out.table(
        ("field", "type", "always there"),
        [(field.name, field.type, "yes" if field.always else "since later") for field in found.fields],
    )
    for case, example in found.examples.items():
        out.line(f"\nexample {case}:\n{_pretty(example)}")
    out.document(found)
    return Exit.OK


@app.command
def check(*, base: str | None = None, json: Json = False) -> int:
    """Fail on every change of the installed contracts that is not additive, and say how it is done instead.

    Exits 1 when a change breaks somebody. `daira contracts check --base v1.4.0`

    Parameters
    ----------
    base
        a git revision or a contracts folder to compare with; without it, where this branch left origin/main, and on
        main itself the last release or, before there is one, the contracts before their last change
    """
    out, new = Output(json), installed()
    old = named(base) if base else base_of(new)
    if old is None:
        out.line("contracts: these are the first; no commit holds others to compare with")
        out.document({"base": None, "breaking": 0, "changes": [], "recipes": {}})
        return Exit.OK
    verdicts = judge(old, new)
    return Exit.FOUND if _tell(out, old.name, verdicts) else Exit.OK


@app.command
def diff(old: str, new: str | None = None, *, json: Json = False) -> int:
    """Compare two states of the contracts, each a git revision or a contracts folder.

    Exits 1 when they differ. `daira contracts diff v1.4.0 HEAD`

    Parameters
    ----------
    old
        the earlier one
    new
        the later one; without it, the contracts installed here
    """
    out, before = Output(json), named(old)
    verdicts = judge(before, named(new) if new else installed())
    _tell(out, before.name, verdicts)
    return Exit.FOUND if verdicts else Exit.OK


def _row(topic: Topic) -> tuple[object, ...]:
    key, pii = ":".join(topic.key), topic.pii.value
    told, heard = ", ".join(topic.producers), hearers(topic)
    version = f"v{version_of(topic.topic)}"
    kind, kept = topic.kind.value, topic.retention
    return topic.topic, version, kind, topic.owner, told, heard, key, topic.partitions, kept, pii


def _tell(out: Output, base: str, verdicts: Sequence[Verdict]) -> int:
    """Prints them with the recipe for each topic that needs another version; returns how many break somebody."""
    for verdict in verdicts:
        out.line(str(verdict), style=None if verdict.change.allowed else "red")
    recipes = _recipes(verdicts)
    for text in recipes.values():
        out.line(f"\n{text}")
    broken = sum(not verdict.change.allowed for verdict in verdicts)
    out.line(f"contracts: {len(verdicts)} changes since {base}, {broken} of them break somebody")
    out.document({"base": base, "breaking": broken, "changes": verdicts, "recipes": recipes})
    return broken


def _recipes(verdicts: Sequence[Verdict]) -> dict[str, str]:
    broken = dict.fromkeys(verdict.topic for verdict in verdicts if needs_recipe(verdict.change))
    return {
        name: recipe(topics()[name], EVENTS[name].__name__, EVENTS[name].__module__.rpartition(".")[2])
        for name in broken
        if name in EVENTS and name in topics()
    }


def _pretty(value: object) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
