"""`python -m daira_auth --role all|http|worker|relay|migrate|check`."""

from daira_auth.settings import Settings
from daira_auth.wiring import build
from daira_runtime import run

run("auth", Settings, build)
