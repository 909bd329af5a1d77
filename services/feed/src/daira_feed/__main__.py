"""`python -m daira_feed --role all|http|worker|relay|migrate`."""

from daira_feed.wiring import SERVICE
from daira_runtime import run

if __name__ == "__main__":
    run(SERVICE)
