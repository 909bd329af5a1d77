"""`python -m daira_moderation --role all|http|worker|relay|migrate|check`."""

from daira_moderation.settings import Settings
from daira_moderation.wiring import build
from daira_runtime import run

run("moderation", Settings, build)
