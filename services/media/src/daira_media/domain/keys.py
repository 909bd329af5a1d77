"""Where bytes lie in the bucket. Everything of a person is below one prefix, so erasing it needs no list of keys."""

from uuid import UUID

ROOT = "media"


def owner_prefix(owner_id: UUID) -> str:
    """Everything a person uploaded."""
    return f"{ROOT}/{owner_id}/"


def media_prefix(owner_id: UUID, media_id: UUID) -> str:
    """Everything of one upload: original, tails, renditions."""
    return f"{owner_prefix(owner_id)}{media_id}/"


def original_key(owner_id: UUID, media_id: UUID) -> str:
    """The uploaded bytes, untouched; never served."""
    return f"{media_prefix(owner_id, media_id)}original"


def tail_key(owner_id: UUID, media_id: UUID, fence: int, offset: int) -> str:
    """Bytes too short for a part. Each write has a name of its own: a writer that lost its lease overwrites nothing."""
    return f"{media_prefix(owner_id, media_id)}tail-{fence}-{offset}.part"


def rendition_key(owner_id: UUID, media_id: UUID, name: str) -> str:
    """One form made from the original, such as `480.webp` or `voice.m4a`."""
    return f"{media_prefix(owner_id, media_id)}{name}"


def export_key(owner_id: UUID, export_id: UUID) -> str:
    """The archive of what the platform knows about a person."""
    return f"{media_prefix(owner_id, export_id)}export.zip"


def parts_prefix(export_id: UUID) -> str:
    """What services wrote for an archive."""
    return f"exports/{export_id}/"
