"""`python -m daira_user --role all|http|worker|relay|migrate|check`."""

from daira_runtime import run
from daira_user.settings import Settings
from daira_user.wiring import build

run("user", Settings, build)
