"""Settings of moderation, read from DAIRA_MODERATION_* once."""

from daira_kit.settings import ObjectStoreSettings


class Settings(ObjectStoreSettings, frozen=True, kw_only=True):
    """Settings of moderation; each field is an environment variable DAIRA_MODERATION_<FIELD>."""

    redis_url: str
    """`redis://host:port/0`, or `redis+cluster://host:port`: counts what staff decide."""
    decisions_limit: str = "120/minute"
    """How many cases one member of staff may decide: a stolen session empties no queue."""
