"""Which stream of a video a reader gets."""

from collections.abc import Sequence

import msgspec

SAVER_EDGE = 360
"""Longest short edge, in pixels, of what a reader with data saver gets."""


class Rung(msgspec.Struct, frozen=True, kw_only=True):
    """One rung of a ladder; bandwidth in bit/s."""

    name: str
    short_edge: int
    bandwidth: int


def saver_url(master_url: str, rungs: Sequence[Rung]) -> str:
    """The playlist of the best rung of at most 360p; the whole ladder when there is none.

    Rungs lie beside the master playlist: `…/master.m3u8` has `…/360p/playlist.m3u8`.
    """
    small = [rung for rung in rungs if rung.short_edge <= SAVER_EDGE]
    if not small:
        return master_url
    best = max(small, key=lambda rung: rung.bandwidth)
    folder = master_url.rpartition("/")[0]
    return f"{folder}/{best.name}/playlist.m3u8"
