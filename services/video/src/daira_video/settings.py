"""Settings of video; each field is an environment variable DAIRA_VIDEO_<FIELD>."""

from daira_kit.settings import CdnSettings


class Settings(CdnSettings, frozen=True, kw_only=True):
    """Sizes in MiB, times in seconds where the name does not say otherwise."""

    s3_endpoint: str
    """URL of the S3 server, with its scheme."""
    s3_access_key: str
    """Access key with read rights below `media/` and all rights below `video/`."""
    s3_secret_key: str
    """Its secret."""
    s3_bucket: str = "daira-media"
    """The bucket that all media share; ours lie below `video/`."""
    work_folder: str = ""
    """Where originals and unfinished rungs lie, on a disk with room for twice the largest original; empty: the
    system's temporary folder."""
    transcodes: int = 1
    """Videos transcoded at once by one worker."""
    lease_seconds: float = 30.0
    """How long a killed worker's video waits for the next worker."""
    decoder_threads: int = 2
    """Threads that decode one video; each rung has one encoder thread besides."""
    max_video_mib: int = 2048
    """Largest original."""
    max_seconds: int = 600
    """Longest video."""
    decoder_memory_mib: int = 1536
    """Address space of one decoding process."""
    min_sandbox_level: int = 3
    """Weakest confinement (0 none, 1 limits, 2 system calls, 3 files, 4 namespaces) under which originals are opened;
    below it this worker transcodes nothing."""
    playback_cache_seconds: float = 10.0
    """How long a revoked playback id may still be answered by a process that knew it."""
    narrowing_settle_seconds: float = 8.0
    """How long a person's videos wait for other URLs after their account turned private or a follower left: feeds
    have heard of it by then, and everything that happens meanwhile is one piece of work."""
    narrowing_limit_seconds: float = 15.0
    """After which old URLs are refused even if the work is not done; with the time above below 30 in all."""
