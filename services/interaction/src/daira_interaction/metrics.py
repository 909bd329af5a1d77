"""Every metric of interaction."""

from prometheus_client import Counter

ACCEPTED = Counter("daira_interaction_events_accepted_total", "Events the log has confirmed", ["type"])
REJECTED = Counter("daira_interaction_events_rejected_total", "Events refused, by the reason told", ["code"])
