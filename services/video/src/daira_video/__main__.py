"""`python -m daira_video --role all|http|worker|relay|migrate|check`."""

from daira_runtime import run
from daira_video.wiring import SERVICE

if __name__ == "__main__":
    run(SERVICE)
