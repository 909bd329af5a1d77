"""Reads one order from stdin, locks itself in, decodes, writes one outcome to stdout."""

import sys
from pathlib import Path

import msgspec

from daira_confinement import Ceilings, enter
from daira_confinement.escapes import leaks
from daira_media.adapters.decoder.protocol import Order, Outcome, Undecodable

MEMORY_BYTES = 1536 * 1024 * 1024
OUTPUT_BYTES = 64 * 1024 * 1024
OPEN_FILES = 32
THREADS = 64
# Each decoder is imported only for its own work, with all it would load later: afterwards nothing can be loaded.
_PRELOAD = {
    "measure": ("encodings.idna",),
    "image": (
        "PIL.BmpImagePlugin",
        "PIL.GifImagePlugin",
        "PIL.ImageColor",
        "PIL.JpegImagePlugin",
        "PIL.MpoImagePlugin",
        "PIL.PngImagePlugin",
        "PIL.PpmImagePlugin",
        "PIL.TiffImagePlugin",
        "PIL.WebPImagePlugin",
        "daira_media.adapters.decoder.images",
    ),
    "voice": ("encodings.idna", "av.subtitles.stream", "daira_media.adapters.decoder.voices"),
}


def _work(order: Order) -> Outcome:
    if order.work == "measure":
        return Outcome(leaks=leaks(Path(order.canary), OPEN_FILES))
    if order.work == "image":
        from daira_media.adapters.decoder import images

        images.prepare()
        return images.make_renditions(order)
    from daira_media.adapters.decoder import voices

    return voices.make_voice(order)


def _run(order: Order) -> Outcome:
    level, reasons = enter(
        Ceilings(
            memory_bytes=MEMORY_BYTES,
            cpu_seconds=order.cpu_seconds,
            file_bytes=OUTPUT_BYTES,
            open_files=OPEN_FILES,
            threads=THREADS,
        ),
        parent=order.parent,
        readable=Path(order.source) if order.source else None,
        writable=Path(order.folder) if order.folder else None,
        preload=_PRELOAD[order.work],
    )
    locked_in = Outcome(level=level, reasons=tuple(reasons))
    if level < order.minimum:
        return locked_in
    try:
        outcome = _work(order)
    except Undecodable as error:
        outcome = Outcome(failure=str(error))
    return msgspec.structs.replace(outcome, level=level, reasons=locked_in.reasons)


if __name__ == "__main__":
    outcome = _run(msgspec.json.decode(sys.stdin.buffer.read(), type=Order))
    sys.stdout.buffer.write(msgspec.json.encode(outcome))
