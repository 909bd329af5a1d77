"""`python -m daira_devtools.contracts generate | drift | acls`. To look at and judge contracts: `daira contracts`."""

import sys
from argparse import ArgumentParser
from pathlib import Path

from daira_contracts.topics import topics
from daira_devtools.contracts import strimzi
from daira_devtools.contracts.generate import drift, write
from daira_devtools.root import checkout_root


def generate(root: Path) -> int:
    """Write schemas, AsyncAPI, catalogue and Strimzi manifests."""
    for name in write(root):
        print(f"wrote {name}")
    for name in drift(root):
        print(f"{name}: no event stands behind it")
    return 0


def check_drift(root: Path) -> int:
    """Fail when a generated file is not what the structs and topic files say."""
    differing = drift(root)
    for name in differing:
        print(f"{name} is stale: run make contracts and commit it")
    print(f"contracts: {len(differing)} stale files, {len(topics())} topics")
    return 1 if differing else 0


def acls(_: Path) -> int:
    """Print the KafkaUser manifests: which service may touch which topic."""
    print(strimzi.render_users(topics().values()), end="")
    return 0


COMMANDS = {"generate": generate, "drift": check_drift, "acls": acls}


def main(arguments: list[str]) -> int:
    parser = ArgumentParser(prog="python -m daira_devtools.contracts")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, command in COMMANDS.items():
        commands.add_parser(name, help=command.__doc__)
    return COMMANDS[parser.parse_args(arguments).command](checkout_root())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
