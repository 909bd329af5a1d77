"""One request and one answer of each kind, as the API document shows it."""

from typing import Final

import msgspec

from daira_interaction.schemas import EventBatch, EventReceipt, EventView, TrackedEvent
from daira_web.answers import example

_WATCHED: Final = {
    "id": "0199a6ab-4c50-7d61-8e72-9f83a094b1c2",
    "eventType": "WATCH",
    "entityType": "POST",
    "entityId": "0199a6a8-2c40-7d3e-9a5b-6c7d8e9f0a1b",
    "source": "CIRCLE",
    "occurredAt": "2026-10-05T07:15:02Z",
    "metadata": {"watchTime": 12.5, "duration": 15.04},
}
TAKEN: Final = example(202, EventReceipt, {"accepted": 1, "rejected": []}, "The log has the accepted events")
EXAMPLES: Final = (
    EventBatch(events=[msgspec.convert(_WATCHED, TrackedEvent)]),
    msgspec.convert({**_WATCHED, "receivedAt": "2026-10-05T07:15:03Z"}, EventView),
)
"""Shown wherever one of these is taken or answered."""
