"""`python -m daira_video --role all|http|worker|relay|migrate|check`."""

from daira_runtime import run
from daira_video.settings import Settings
from daira_video.wiring import build

if __name__ == "__main__":
    run("video", Settings, build)
