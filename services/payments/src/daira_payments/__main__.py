"""`python -m daira_payments --role all|http|worker|relay|migrate`."""

from daira_payments.wiring import SERVICE
from daira_runtime import run

if __name__ == "__main__":
    run(SERVICE)
