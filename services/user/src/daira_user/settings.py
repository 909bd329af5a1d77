"""Settings of user, read from DAIRA_USER_* once."""

from daira_kit.settings import CommonSettings


class Settings(CommonSettings, frozen=True, kw_only=True):
    """What user needs beyond the common settings."""

    redis_url: str
    """`redis://…` or `redis+cluster://…`; counts actions for the limits. Without it nothing is limited."""
    s3_endpoint: str
    """Object store with its scheme; exports lie there."""
    s3_access_key: str
    """Its access key."""
    s3_secret_key: str
    """Its secret key."""
    s3_bucket: str
    """Exports lie below `user/` in this bucket."""
    handle_hold_days: int = 14
    """How long a handle that somebody gave up, or an erased person had, is kept from others."""
    handle_changes: int = 5
    """How many times a person may change the handle within `handle_hold_days`."""
    relation_limit: str = "120/minute"
    """Follows, blocks and mutes of one person."""
    profile_limit: str = "30/minute"
    """Edits of one's own profile and settings."""
    export_limit: str = "5/day"
    """Exports asked for by one person."""
    export_days: int = 7
    """How long a finished export can be fetched."""
