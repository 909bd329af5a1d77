"""`python -m daira_admin --role all|http|worker|relay|migrate`."""

from daira_admin.settings import Settings
from daira_admin.wiring import build
from daira_runtime import run

if __name__ == "__main__":
    run("admin", Settings, build)
