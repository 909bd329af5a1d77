"""`python -m daira_devtools.gateway generate | drift | render --base 8080 FOLDER`."""

import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

from daira_devtools.gateway import render
from daira_devtools.gateway.generate import drift, write
from daira_devtools.root import checkout_root


def main(arguments: list[str]) -> int:
    """0 when all is well, 1 when a generated file is stale."""
    parser = ArgumentParser(prog="python -m daira_devtools.gateway")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("generate", help="write the route table and the merged OpenAPI document")
    commands.add_parser("drift", help="fail when one of them is not what the services say")
    rendering = commands.add_parser("render", help="write envoy.yaml for a base port into a folder")
    rendering.add_argument("--base", type=int, default=8080)
    rendering.add_argument("folder", type=Path)
    return _run(parser.parse_args(arguments))


def _run(options: Namespace) -> int:
    root = checkout_root()
    if options.command == "render":
        print(render(options.base, options.folder))
        return 0
    if options.command == "generate":
        for name in write(root):
            print(f"wrote {name}")
        return 0
    stale = drift(root)
    for name in stale:
        print(f"{name} is stale: run `python -m daira_devtools.gateway generate` and commit it")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
