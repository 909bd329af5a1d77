"""`daira …` and `python -m daira_cli …`."""

import logging
import sys

from daira_cli.app import main
from daira_cli.collector import spare_the_collector
from daira_observe.logs import set_up_logging


def run() -> None:
    """The console script."""
    # What a service's code logs would stand between the answers; commands tell what matters in words.
    set_up_logging("cli", "CRITICAL")
    for driver in ("aiokafka", "cassandra"):
        logging.getLogger(driver).setLevel(logging.CRITICAL)
    spare_the_collector()
    sys.exit(main(sys.argv[1:]))


if __name__ == "__main__":
    run()
