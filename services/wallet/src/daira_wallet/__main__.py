"""`python -m daira_wallet --role all|http|worker|relay|migrate`."""

from daira_runtime import run
from daira_wallet.wiring import SERVICE

if __name__ == "__main__":
    run(SERVICE)
