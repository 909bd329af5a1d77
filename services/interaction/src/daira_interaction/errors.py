"""What can be wrong with a batch, by code."""

from daira_kit.errors import BadRequest


class TooManyEvents(BadRequest):
    """A batch holds 100 events at most."""

    code = "too_many_events"
