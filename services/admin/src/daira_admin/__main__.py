"""`python -m daira_admin --role all|http|worker|relay|migrate`."""

from daira_admin.wiring import SERVICE
from daira_runtime import run

if __name__ == "__main__":
    run(SERVICE)
