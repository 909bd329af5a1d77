"""Settings of moderation, read from DAIRA_MODERATION_* once."""

from daira_kit.settings import ObjectStoreSettings


class Settings(ObjectStoreSettings, frozen=True, kw_only=True):
    """Settings of moderation; each field is an environment variable DAIRA_MODERATION_<FIELD>."""

    redis_url: str
    """`redis://host:port/0`, or `redis+cluster://host:port`: counts what staff decide."""
    decisions_limit: str = "120/minute"
    """How many cases one member of staff may decide: a stolen session empties no queue."""
    rejudge_delay_seconds: int = 10
    """How long after a word list changed that begins: by then every process has heard of it and judges by it."""
    rejudged_per_second: int = 200
    """How many subjects a second are judged again after a word list changed: more delay what is judged first."""
