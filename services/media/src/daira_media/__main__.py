"""`python -m daira_media --role all|http|worker|relay|migrate|check`."""

from daira_media.wiring import SERVICE
from daira_runtime import run

if __name__ == "__main__":
    run(SERVICE)
