"""`python -m daira_user --role all|http|worker|relay|migrate|check`."""

from daira_runtime import run
from daira_user.wiring import SERVICE

if __name__ == "__main__":
    run(SERVICE)
