"""Numbers an operator may turn, in one place for all use-cases."""

import msgspec

from daira_media.domain.purposes import Limits


class UploadPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """All times in seconds.

    A request that receives nothing for `pause_seconds` makes durable what it has and lets go of its lease, so
    `pause_seconds` must be below `lease_seconds`; after `stall_seconds` it ends. `kept_seconds` after the last activity
    an unfinished upload expires; its id answers 410 for `remembered_seconds` more.
    """

    limits: Limits = Limits()
    lease_seconds: float = 10.0
    pause_seconds: float = 3.0
    stall_seconds: float = 60.0
    kept_seconds: float = 24 * 3600.0
    remembered_seconds: float = 7 * 24 * 3600.0
    finish_after_seconds: float = 15.0
