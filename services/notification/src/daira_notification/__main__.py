"""`python -m daira_notification --role all|http|worker|relay|migrate`."""

from daira_notification.wiring import SERVICE
from daira_runtime import run

if __name__ == "__main__":
    run(SERVICE)
