"""`python -m daira_interaction --role all|http|worker|relay|migrate`."""

from daira_interaction.settings import Settings
from daira_interaction.wiring import build, migrate
from daira_runtime import run

if __name__ == "__main__":
    run("interaction", Settings, build, migrate=migrate)
