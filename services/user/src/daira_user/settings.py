"""Settings of user, read from DAIRA_USER_* once."""

from daira_kit.settings import ObjectStoreSettings


class Settings(ObjectStoreSettings, frozen=True, kw_only=True):
    """What user needs beyond the common settings."""

    redis_url: str
    """`redis://…` or `redis+cluster://…`; counts actions for the limits. Without it nothing is limited."""
    handle_hold_days: int = 14
    """How long a handle that somebody gave up, or an erased person had, is kept from others."""
    handle_changes: int = 5
    """How many times a person may change the handle within `handle_hold_days`."""
    relation_limit: str = "120/minute"
    """Follows, blocks and mutes of one person."""
    profile_limit: str = "30/minute"
    """Edits of one's own profile and settings."""
    export_limit: str = "1/day"
    """Exports asked for by one person."""
