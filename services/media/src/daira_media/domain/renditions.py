"""Sizes of image renditions and limits on what is decoded."""

import msgspec

IMAGE_SIZES = (160, 480, 1080)
MOST_PIXELS = 64_000_000
"""Largest image decoded, in pixels as declared by its header; phones make 50 million."""
LONGEST_EDGE = 16_384
VOICE_SECONDS = 60
VOICE_SLACK_SECONDS = 1
"""Recorders stop a little late; the rest is cut."""
WAVEFORM_PEAKS = 64


class Box(msgspec.Struct, frozen=True):
    """A width and a height in pixels."""

    width: int
    height: int


def is_decodable(width: int, height: int) -> bool:
    """False for empty images and for pixel bombs."""
    return 0 < width <= LONGEST_EDGE and 0 < height <= LONGEST_EDGE and width * height <= MOST_PIXELS


def fit(width: int, height: int, size: int) -> Box:
    """Scale to at most `size` wide and twice that high (portrait first); never upscale, never below one pixel."""
    scale = min(size / width, 2 * size / height, 1.0)
    return Box(max(round(width * scale), 1), max(round(height * scale), 1))


def centre_square(width: int, height: int) -> tuple[int, int, int, int]:
    """The largest centred square as (left, top, right, bottom)."""
    edge = min(width, height)
    left, top = (width - edge) // 2, (height - edge) // 2
    return left, top, left + edge, top + edge
