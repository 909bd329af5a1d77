"""Reads one order from stdin, gives up its rights, decodes, writes one outcome to stdout."""

import sys
from pathlib import Path

import msgspec

from daira_media.adapters.decoder.confine import confine
from daira_media.adapters.decoder.protocol import Order, Outcome, Undecodable


def _probe(order: Order) -> Outcome:
    """Nothing is decoded: tells which layers hold on this machine."""
    return Outcome()


def _run(order: Order) -> Outcome:
    # Each decoder is imported only for its own work, and before confinement: its libraries cannot be loaded after.
    if order.work == "image":
        from daira_media.adapters.decoder import images

        images.prepare()
        work = images.make_renditions
    elif order.work == "voice":
        from daira_media.adapters.decoder import voices

        work = voices.make_voice
    else:
        work = _probe
    layers = tuple(confine(Path(order.folder), order.cpu_seconds))
    try:
        return msgspec.structs.replace(work(order), layers=layers)
    except Undecodable as error:
        return Outcome(layers=layers, failure=str(error))


if __name__ == "__main__":
    outcome = _run(msgspec.json.decode(sys.stdin.buffer.read(), type=Order))
    sys.stdout.buffer.write(msgspec.json.encode(outcome))
