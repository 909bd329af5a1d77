"""`python -m daira_interaction --role all|http|worker|relay|migrate`."""

from daira_interaction.wiring import SERVICE
from daira_runtime import run

if __name__ == "__main__":
    run(SERVICE)
