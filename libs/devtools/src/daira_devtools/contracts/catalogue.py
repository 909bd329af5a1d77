"""CATALOGUE.md: one table and one picture of who tells whom what."""

from collections.abc import Iterable

from daira_contracts.registry import EVENTS
from daira_contracts.schema import event_schema, type_text
from daira_contracts.topics import Kind, Topic, hearers

HEAD = """# Catalogue of topics

Generated from `topics/` and the structs by `make contracts`; do not edit.
"""


def render(topics: Iterable[Topic]) -> str:
    listed = sorted(topics, key=lambda topic: topic.topic)
    parts = [HEAD, _table(listed), "## Flow\n", _flow(listed), "## Fields\n", *map(details, listed)]
    return "\n".join(parts).rstrip() + "\n"


def _table(topics: list[Topic]) -> str:
    rows = [
        "| topic | kind | key | partitions | kept | personal data | told by | heard by |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for topic in topics:
        cells = (
            f"[{topic.topic}](#{anchor(topic.topic)})",
            topic.kind.value,
            ":".join(topic.key),
            str(topic.partitions),
            topic.retention,
            topic.pii.value,
            ", ".join(topic.producers),
            hearers(topic),
        )
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows) + "\n"


def anchor(topic: str) -> str:
    """The anchor that Markdown renderers give the heading of a topic."""
    return topic.replace(".", "")


def _flow(topics: list[Topic]) -> str:
    lines = ["```mermaid", "flowchart LR"]
    for topic in topics:
        if topic.kind is Kind.BROADCAST:
            continue
        name = topic.topic.split(".")[1]
        lines.append(f"    {' & '.join(topic.producers)} -- {name} --> {' & '.join(topic.consumers)}")
    return "\n".join([*lines, "```", "", "Broadcasts reach every process and are left out of the picture.", ""])


def details(topic: Topic) -> str:
    """One topic in Markdown: what it is, how a person is erased from it, its fields."""
    schema = event_schema(EVENTS[topic.topic])
    required = set(schema["required"])
    lines = [f"### {topic.topic}\n", f"{topic.description}\n"]
    if topic.erasure:
        lines.append(f"Erasure: {topic.erasure}\n")
    if topic.sunset:
        lines.append(f"Nobody writes it after {topic.sunset}.\n")
    lines.extend(("| field | type | always there |", "|---|---|---|"))
    for name, field in schema["properties"].items():
        lines.append(f"| {name} | {type_text(field, schema)} | {'yes' if name in required else 'since later'} |")
    return "\n".join(lines) + "\n"
