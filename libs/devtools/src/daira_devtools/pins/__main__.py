"""`python -m daira_devtools.pins compile [--upgrade] | check`."""

import difflib
import sys

from daira_devtools.pins.compile import PINS, PinsError, compiled
from daira_devtools.root import checkout_root


def write(*, upgrade: bool) -> int:
    """Adds what is missing and drops what nobody needs; `--upgrade` also takes the newest versions."""
    (checkout_root() / PINS).write_text(compiled(checkout_root(), upgrade=upgrade), encoding="utf-8")
    return 0


def check() -> int:
    """Fails when the file is not what the distributions ask for."""
    held = (checkout_root() / PINS).read_text(encoding="utf-8").splitlines()
    wanted = compiled(checkout_root()).splitlines()
    differences = list(difflib.unified_diff(held, wanted, PINS, "what pyproject.toml files ask for", lineterm="", n=0))
    print(
        "\n".join([*differences, f"pins: {len(wanted)} packages, {'stale: run make pins' if differences else 'fresh'}"])
    )
    return 1 if differences else 0


def main(arguments: list[str]) -> int:
    try:
        if arguments[:1] == ["compile"]:
            return write(upgrade="--upgrade" in arguments)
        if arguments == ["check"]:
            return check()
    except PinsError as error:
        print(error, file=sys.stderr)
        return 1
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
