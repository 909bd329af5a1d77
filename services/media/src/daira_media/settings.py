"""Settings of media, read from DAIRA_MEDIA_…"""

from daira_kit.settings import CdnSettings


class Settings(CdnSettings, frozen=True, kw_only=True):
    """Sizes in bytes where the name does not say otherwise; times in seconds."""

    s3_endpoint: str
    """URL of the S3 server, with its scheme."""
    s3_access_key: str
    """Access key with read and write rights below `media/` and `exports/`."""
    s3_secret_key: str
    """Its secret."""
    s3_bucket: str = "daira-media"
    """The bucket that all media share; ours lie below `media/`."""
    redis_url: str
    """`redis://host:port/0`, or `redis+cluster://host:port`: counts what people begin."""
    uploads_limit: str = "300/minute"
    """How many uploads one person may begin."""
    public_url: str = ""
    """What clients call us by, such as https://api.daira.app; empty: taken from X-Forwarded-* or Host."""
    spool_folder: str = ""
    """Where bytes wait for S3; needs 21 MiB for each upload in flight. Empty: the system's temporary folder."""
    max_video_mib: int = 2048
    """Largest video."""
    max_image_mib: int = 30
    """Largest image."""
    max_voice_mib: int = 20
    """Largest voice note."""
    max_avatar_mib: int = 10
    """Largest avatar."""
    quota_mib: int = 20 * 1024
    """What one person may hold in all."""
    max_open_uploads: int = 64
    """Unfinished uploads one person may have."""
    lease_seconds: float = 10.0
    """How long an upload stays locked by a request that died without a word."""
    pause_seconds: float = 3.0
    """Silence after which a request makes durable what it has and lets others take over; below the lease."""
    stall_seconds: float = 60.0
    """Silence after which a request is ended."""
    upload_kept_seconds: float = 24 * 3600.0
    """An unfinished upload expires this long after its last request began."""
    upload_remembered_seconds: float = 7 * 24 * 3600.0
    """How long an expired upload answers 410 instead of 404."""
    narrowing_settle_seconds: float = 8.0
    """How long a person's pictures wait for other URLs after their account turned private or a follower left: feeds
    have heard of it by then, and everything that happens meanwhile is one piece of work."""
    narrowing_limit_seconds: float = 25.0
    """After which old URLs are refused even if the work is not done."""
    export_kept_seconds: float = 7 * 24 * 3600.0
    """How long the parts of a person's export are waited for, and then how long its archive can be fetched."""
    decode_seconds: float = 30.0
    """Longest run of the decoder for one image or voice note."""
    decoders: int = 1
    """Decoder processes at once."""
    min_sandbox_level: int = 3
    """Weakest confinement (0 none, 1 limits, 2 system calls, 3 files, 4 namespaces) under which images and voice notes
    are opened; below it this process makes no renditions."""
