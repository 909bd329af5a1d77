"""`python -m daira_wallet --role all|http|worker|relay|migrate`."""

from daira_runtime import run
from daira_wallet.settings import Settings
from daira_wallet.wiring import build

if __name__ == "__main__":
    run("wallet", Settings, build)
