"""`python -m daira_auth --role all|http|worker|relay|migrate|check`."""

from daira_auth.wiring import SERVICE
from daira_runtime import run

if __name__ == "__main__":
    run(SERVICE)
