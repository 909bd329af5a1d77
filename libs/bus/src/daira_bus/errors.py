"""Failures of the delivery contract, by name."""

from daira_kit.errors import DairaError, PayloadTooLarge, Unavailable


class Poison(DairaError):
    """This record can never be handled, however often it is tried."""

    code = "poison"


class NotDecodable(Poison):
    """The record is not a valid event of its topic."""

    code = "not_decodable"


class TooManyDead(DairaError):
    """Too many records in a row could not be handled: the consumer stopped rather than dead-letter a whole topic."""

    code = "too_many_dead"


class JobKeepsDying(DairaError):
    """This job ended its process each time it ran: it is not run again."""

    code = "job_keeps_dying"


class BrokerUnavailable(Unavailable):
    """The event log does not confirm the write."""

    code = "broker_unavailable"


class RecordTooLarge(PayloadTooLarge):
    """A record is larger than its topic, or any topic, takes: it is no better later."""

    code = "record_too_large"
