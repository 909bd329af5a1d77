"""How received bytes become parts of an S3 multipart upload.

S3 wants every part but the last to have at least 5 MiB. What is shorter is kept as a tail object, which the next
request reads back before it goes on; so every byte that was acknowledged is durable and any replica can resume.
"""

from daira_media.domain.purposes import MIB

SMALLEST_PART = 5 * MIB
USUAL_PART = 8 * MIB
MOST_PARTS = 10_000
"""S3's own limit on part numbers."""
NUMBERS_SKIPPED = 2
"""Part numbers left out when a lease was taken from a silent holder: it may still have one part on the way, which
must not replace a part of ours. Part numbers need to ascend, not to be dense."""


def part_target(held: int, expected: int | None, *, usual: int = USUAL_PART, smallest: int = SMALLEST_PART) -> int:
    """How many bytes the next part should have.

    `held` bytes are in the spool already; `expected` more come with this request (None: unknown). A remainder that
    would be too short for a part of its own is taken along, so that it does not have to be kept as a tail.
    """
    if expected is None:
        return usual
    total = held + expected
    return total if total < usual + smallest else usual


def is_part(size: int, *, is_last: bool, smallest: int = SMALLEST_PART) -> bool:
    """True when bytes at the end of a request can be a part; otherwise they stay a tail."""
    return size > 0 and (is_last or size >= smallest)


def remaining(length: int | None, largest: int, offset: int) -> int:
    """Bytes an upload may still receive: up to its length, or up to what its purpose allows while deferred."""
    return max((largest if length is None else min(length, largest)) - offset, 0)
