"""Metrics of auth."""

from prometheus_client import Counter

SENDS = Counter(
    "daira_auth_sends_total", "Calls and messages by outcome: sent, failed, undelivered", ["channel", "outcome"]
)
CHECKS = Counter("daira_auth_checks_total", "Codes shown, by outcome: right, wrong, spent", ["outcome"])
REFUSALS = Counter("daira_auth_limited_total", "Log-ins refused by a limit or by the pumping guard", ["scope"])
REFRESHES = Counter("daira_auth_refreshes_total", "Refreshes by outcome: rotate, repeat, revoke", ["outcome"])
