"""`python -m daira_devtools.contracts generate | drift | check [--base REV] | acls | ls | show TOPIC`."""

import sys
from argparse import ArgumentParser, Namespace
from difflib import get_close_matches
from pathlib import Path

from daira_contracts.topics import topics
from daira_devtools.contracts import catalogue, strimzi
from daira_devtools.contracts.base import resolve
from daira_devtools.contracts.gate import judge
from daira_devtools.contracts.generate import drift, write
from daira_devtools.root import checkout_root


def generate(root: Path, _: Namespace) -> int:
    """Write schemas, AsyncAPI, catalogue and Strimzi manifests."""
    for name in write(root):
        print(f"wrote {name}")
    for name in drift(root):
        print(f"{name}: no event stands behind it")
    return 0


def check_drift(root: Path, _: Namespace) -> int:
    """Fail when a generated file is not what the structs and topic files say."""
    differing = drift(root)
    for name in differing:
        print(f"{name} is stale: run make contracts and commit it")
    print(f"contracts: {len(differing)} stale files, {len(topics())} topics")
    return 1 if differing else 0


def check(root: Path, options: Namespace) -> int:
    """Fail on every change since the base that is not additive."""
    revision = resolve(root, options.base)
    if revision is None:
        print(f"contracts: no commit {options.base or ''} to compare with; every topic is new".replace("  ", " "))
        return 0
    verdicts = judge(root, revision)
    for verdict in verdicts:
        print(verdict)
    broken = sum(not verdict.change.allowed for verdict in verdicts)
    print(f"contracts: {len(verdicts)} changes since {revision[:12]}, {broken} of them break somebody")
    return 1 if broken else 0


def acls(_: Path, __: Namespace) -> int:
    """Print the KafkaUser manifests: which service may touch which topic."""
    print(strimzi.render_users(topics().values()), end="")
    return 0


def ls(_: Path, __: Namespace) -> int:
    """List every topic with who tells and who hears it."""
    for name, topic in topics().items():
        print(f"{name:40} {topic.kind.value:10} {topic.retention:8} {topic.owner} → {catalogue.hearers(topic)}")
    return 0


def show(root: Path, options: Namespace) -> int:
    """Show one topic: what it is, its fields, and what it looks like on the wire."""
    topic = topics().get(options.topic)
    if topic is None:
        close = get_close_matches(options.topic, topics(), n=1)
        print(f"there is no topic {options.topic}{f'; did you mean {close[0]}?' if close else ''}", file=sys.stderr)
        return 1
    print(catalogue.details(topic))
    for example in sorted((root / "contracts" / "examples" / topic.topic).glob("*.json")):
        print(f"{example.stem}:\n{example.read_text(encoding='utf-8')}")
    return 0


COMMANDS = {"generate": generate, "drift": check_drift, "check": check, "acls": acls, "ls": ls, "show": show}


def main(arguments: list[str]) -> int:
    parser = ArgumentParser(prog="python -m daira_devtools.contracts")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, command in COMMANDS.items():
        added = commands.add_parser(name, help=command.__doc__)
        if name == "show":
            added.add_argument("topic")
        if name == "check":
            added.add_argument("--base", help="commit to compare with (default: where this branch left origin/main)")
    options = parser.parse_args(arguments)
    return COMMANDS[options.command](checkout_root(), options)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
