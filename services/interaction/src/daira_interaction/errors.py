"""What can be wrong with a batch, by code; and what we depend on when it is down."""

from daira_bus.errors import BrokerUnavailable
from daira_kit.errors import BadRequest
from daira_stores.cql import WideColumnUnavailable

__all__ = ["BrokerUnavailable", "TooManyEvents", "WideColumnUnavailable"]


class TooManyEvents(BadRequest):
    """A batch holds 100 events at most."""

    code = "too_many_events"
