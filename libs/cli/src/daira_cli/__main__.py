"""`daira …` and `python -m daira_cli …`."""

import sys

from daira_cli.app import main


def run() -> None:
    """The console script."""
    sys.exit(main(sys.argv[1:]))


if __name__ == "__main__":
    run()
