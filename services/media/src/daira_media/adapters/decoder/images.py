"""Renditions of a still image: WebP, upright, without metadata."""

import warnings
from pathlib import Path

import blurhash
import pillow_heif
from PIL import Image, ImageOps

from daira_media.adapters.decoder.protocol import Made, Order, Outcome, Undecodable
from daira_media.domain.renditions import IMAGE_SIZES, LONGEST_EDGE, MOST_PIXELS, centre_square, fit, is_decodable

FORMATS = {"image/jpeg": "JPEG", "image/png": "PNG", "image/webp": "WEBP", "image/heic": "HEIF"}
QUALITY = 80
EFFORT = 4
BLURHASH_EDGE = 32
FAILURES = (OSError, SyntaxError, ValueError, EOFError, IndexError, OverflowError, RuntimeError)
"""What Pillow and its plugins raise on broken bytes."""


def prepare() -> None:
    """Register the formats we accept, all imported by now, and no other."""
    Image.preinit()
    pillow_heif.register_heif_opener(thumbnails=False)
    Image.MAX_IMAGE_PIXELS = MOST_PIXELS
    warnings.simplefilter("error", Image.DecompressionBombWarning)


def make_renditions(order: Order) -> Outcome:
    """One WebP per size, the largest first. Raises Undecodable."""
    image = _open_upright(order)
    if order.is_square:
        image = image.crop(centre_square(*image.size))
    files = []
    for size in sorted(IMAGE_SIZES, reverse=True):
        box = fit(image.width, image.height, size)
        image = image.resize((box.width, box.height), Image.Resampling.LANCZOS, reducing_gap=2.0)
        name = f"{size}.webp"
        image.save(Path(order.folder) / name, "WEBP", quality=QUALITY, method=EFFORT)
        files.append(Made(name=name, content_type="image/webp", width=box.width, height=box.height))
    return Outcome(files=tuple(files), blurhash=_blurhash(image))


def _blurhash(image: Image.Image) -> str:
    """A placeholder of some 28 characters; transparent parts are white, as a page would show them."""
    small = image.convert("RGBA")
    small.thumbnail((BLURHASH_EDGE, BLURHASH_EDGE))
    page = Image.new("RGBA", small.size, "white")
    page.alpha_composite(small)
    pixels = list(page.convert("RGB").getdata())
    rows = [pixels[start : start + page.width] for start in range(0, len(pixels), page.width)]
    return str(blurhash.encode(rows, components_x=4, components_y=3))


def _open_upright(order: Order) -> Image.Image:
    try:
        with Image.open(order.source, formats=[FORMATS[order.content_type]]) as image:
            if not is_decodable(*image.size):
                raise Undecodable("image_too_large")
            # JPEG can decode at 1/2, 1/4, 1/8: no more pixels than the largest rendition needs.
            image.draft("RGB", (2 * max(IMAGE_SIZES), 4 * max(IMAGE_SIZES)))
            upright = ImageOps.exif_transpose(image)
            return _plain(upright)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning, MemoryError) as error:
        raise Undecodable("image_too_large") from error
    except FAILURES as error:
        raise Undecodable("image_broken") from error


def _plain(image: Image.Image) -> Image.Image:
    """Only pixels: a new image carries no EXIF, GPS, XMP, ICC or comments."""
    mode = "RGBA" if image.has_transparency_data else "RGB"
    pixels = image.convert(mode)
    if max(pixels.size) > LONGEST_EDGE:
        raise Undecodable("image_too_large")
    clean = Image.new(mode, pixels.size)
    clean.paste(pixels)
    return clean
