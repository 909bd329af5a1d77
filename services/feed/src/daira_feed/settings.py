"""What an operator may turn."""

from daira_kit.settings import ObjectStoreSettings

DAY = 86_400


class Settings(ObjectStoreSettings, frozen=True, kw_only=True):
    """Settings of feed; each field is an environment variable DAIRA_FEED_<FIELD>."""

    redis_url: str
    """`redis://host:port/0`, or `redis+cluster://host:port` for a cluster."""
    redis_timeout: float = 2.0
    """Longest wait for connecting to Redis and for one pipeline's answers, in seconds."""
    media_wait_seconds: int = 600
    """How long a post waits for media nobody has heard of before it is rejected."""
    celebrity_followers: int = 5_000
    """From this many followers on, an author's posts are merged at read time instead of being pushed."""
    inactive_seconds: int = 30 * DAY
    """Readers who stayed away longer get no pushes; their Circle is rebuilt when they return."""
    fan_out_page: int = 5_000
    """Followers read from PostgreSQL at a time."""
    circle_reads_per_minute: int = 600
    """How many pages of Circle one person may read in a minute."""
    posts_limit: str = "60/minute"
    """How many posts one person may make."""
    edits_limit: str = "120/minute"
    """How many of their posts one person may change or remove."""
