"""`python -m daira_moderation --role all|http|worker|relay|migrate|check`."""

from daira_moderation.wiring import SERVICE
from daira_runtime import run

if __name__ == "__main__":
    run(SERVICE)
