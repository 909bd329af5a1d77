"""`python -m daira_feed --role all|http|worker|relay|migrate`."""

from daira_feed.settings import Settings
from daira_feed.wiring import build
from daira_runtime import run

run("feed", Settings, build)
