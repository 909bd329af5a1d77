"""Small files that claim, or become, very much: each ends as a reason or a stream, soon and within its memory."""

import asyncio
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import av
import pytest

from daira_confinement import Level
from daira_testing.boxes import box, element, found, full, matroska, replaced, whole
from daira_testing.clips import Clip, make
from daira_video.adapters.sandbox import Sandbox
from daira_video.domain.ladder import ladder
from daira_video.domain.limits import Limits, MediaRejected

SECONDS = 30
"""Until a bomb must have ended, on any machine."""
MEMORY = 512 * 1024**2
"""Address space of a decoder here: a third of what it has by default."""
STREAM = "a stream"
BROKEN = {"not_media", "no_frames", "truncated", "decode_failed", "too_demanding"}
"""Which of them depends on the version of libav."""
ANY = {*BROKEN, STREAM}

FTYP = box(b"ftyp", b"isom", bytes(4), b"isom")
MOST = 0xFFFFFFFF
TABLES = "moov/trak/mdia/minf/stbl"
SQUEEZED = element(0x6D80, element(0x6240, whole(0x5031, 0), element(0x5034, whole(0x4254, 0))))
"""Matroska: the blocks and the setup of this track are compressed with zlib."""


def words(*values: int) -> bytes:
    return struct.pack(f">{len(values)}I", *values)


def table(mp4: bytes, name: str, *values: int) -> bytes:
    """The sample table `name` of the picture holds these words after its version."""
    return replaced(mp4, f"{TABLES}/{name}", full(name.encode(), words(*values)))


def tracks(mp4: bytes, more: int) -> bytes:
    track = box(b"trak", found(mp4, "moov/trak"))
    return replaced(mp4, "moov", box(b"moov", found(mp4, "moov"), track * more))


def compressed_index(_: bytes) -> bytes:
    """A QuickTime index of a quarter of a gigabyte of nothing, squeezed into 256 kB; it claims eight times as much."""
    body = zlib.compress(bytes(1 << 28), 9)
    return FTYP + box(b"moov", box(b"cmov", box(b"dcom", b"zlib"), box(b"cmvd", words((1 << 31) - 1), body)))


def nested_boxes(_: bytes) -> bytes:
    inner = b""
    for _depth in range(3_000):
        inner = box(b"moov", inner)
    return FTYP + inner


def long_comment(mp4: bytes) -> bytes:
    return replaced(mp4, "moov", box(b"moov", found(mp4, "moov"), box(b"udta", box(b"\xa9cmt", bytes(32 << 20)))))


def fragments(mp4: bytes, number: int, pictures: int) -> bytes:
    """Fragments that each claim so many pictures of one byte."""
    moov = box(b"moov", found(mp4, "moov"), box(b"mvex", full(b"trex", words(1, 1, 1, 1, 0))))
    head = full(b"tfhd", words(1), flags=0x020000)
    one = box(b"moof", full(b"mfhd", words(1)), box(b"traf", head, full(b"trun", words(pictures))))
    return replaced(mp4, "moov", moov) + one * number


def cut(mp4: bytes, entries: bytes) -> bytes:
    """An edit list of these entries."""
    return replaced(mp4, "moov/trak/edts", box(b"edts", full(b"elst", words(len(entries) // 12), entries)))


def still_clock(mp4: bytes) -> bytes:
    return replaced(mp4, "moov/trak/mdia/mdhd", full(b"mdhd", words(0, 0, 0, 15_360, 0)))


def same_picture(mp4: bytes, count: int, ticks: int) -> bytes:
    """One key picture, listed `count` times without a byte more in the media data."""
    sizes = found(mp4, f"{TABLES}/stsz")
    first = next(size for size in struct.unpack(f">{len(sizes) // 4}I", sizes)[1::2] if size)
    place = struct.unpack_from(">I", found(mp4, f"{TABLES}/stco"), 8)[0]
    for name in ("ctts", "stss"):
        if name.encode() in mp4:
            mp4 = replaced(mp4, f"{TABLES}/{name}", b"")
    mp4 = table(mp4, "stsz", first, count)
    mp4 = table(mp4, "stco", count, *([place] * count))
    mp4 = table(mp4, "stsc", 1, 1, 1, 1)
    mp4 = table(mp4, "stts", 1, count, ticks)
    return replaced(mp4, "moov/trak/edts", b"")


def described(mp4: bytes, entry: bytes) -> bytes:
    """The picture's sample description holds this entry; its length is put right."""
    return replaced(mp4, f"{TABLES}/stsd", full(b"stsd", words(1, len(entry)), entry[4:]))


def deformed(mp4: bytes, across: int, down: int) -> bytes:
    """Every pixel is shown `across` to `down` as wide as it is high."""
    entry = found(mp4, f"{TABLES}/stsd")[8:]
    if b"pasp" in entry:
        start = entry.index(b"pasp") - 4
        entry = entry[:start] + entry[start + 16 :]
    return described(mp4, entry + box(b"pasp", words(across, down)))


def bits(*fields: tuple[int, int]) -> bytes:
    """Numbers with their widths, then the stop bit."""
    text = "".join(f"{value:0{width}b}" for value, width in fields) + "1"
    text += "0" * (-len(text) % 8)
    return int(text, 2).to_bytes(len(text) // 8, "big")


def golomb(value: int) -> tuple[int, int]:
    return value + 1, 2 * (value + 1).bit_length() - 1


def giant_h264(mp4: bytes) -> bytes:
    """The parameter set announces 16,384 x 16,384 pixels; the file stays a few kilobytes."""
    head = [(0x67, 8), (66, 8), (0, 8), (52, 8), *[golomb(n) for n in (0, 0, 2, 1)], (0, 1)]
    giant = bits(*head, golomb(1023), golomb(1023), (1, 1), (1, 1), (0, 2))
    entry = found(mp4, f"{TABLES}/stsd")[8:]
    start = entry.index(b"avcC") + 4
    config = entry[start : start - 8 + struct.unpack_from(">I", entry, start - 8)[0]]
    old = config[6 : 8 + struct.unpack_from(">H", config, 6)[0]]
    new = config.replace(old, struct.pack(">H", len(giant)) + giant)
    return described(mp4, entry.replace(box(b"avcC", config), box(b"avcC", new)))


def packets(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(video=0) if packet.size]


def giant_vp9(packet: bytes, edge: int) -> bytes:
    """The key picture with other edges in its head (bits 36 to 68)."""
    head = int.from_bytes(packet[:9], "big") & ~(((1 << 32) - 1) << 4)
    return (head | (edge - 1) << 20 | (edge - 1) << 4).to_bytes(9, "big") + packet[9:]


def track(*extra: bytes, number: int = 1, shown: tuple[int, int] = (160, 120)) -> bytes:
    shape = element(0xE0, whole(0xB0, 160), whole(0xBA, 120), whole(0x54B0, shown[0]), whole(0x54BA, shown[1]))
    head = (whole(0xD7, number), whole(0x73C5, number), whole(0x83, 1), element(0x86, b"V_VP9"))
    return element(0xAE, *head, shape, *extra)


def webm(*frames: bytes, tracks: bytes | None = None, scale: int = 1_000_000, step: int = 33) -> bytes:
    """`scale` nanoseconds a tick, `step` ticks from picture to picture."""
    info = element(0x1549A966, whole(0x2AD7B1, scale))
    cluster = [element(0xA3, b"\x81", struct.pack(">hB", n * step, 0x80), frame) for n, frame in enumerate(frames)]
    return matroska(info, element(0x1654AE6B, tracks or track()), element(0x1F43B675, whole(0xE7, 0), *cluster))


def blocks(cluster: bytes) -> bytes:
    return matroska(element(0x1654AE6B, track()), element(0x1F43B675, whole(0xE7, 0), cluster))


MP4: dict[str, tuple[Callable[[bytes], bytes], set[str]]] = {
    "nine tracks": (lambda mp4: tracks(mp4, 8), {"too_many_streams"}),
    "ten thousand tracks": (lambda mp4: tracks(mp4, 10_000), BROKEN | {"too_many_streams"}),
    "an index that unpacks a thousandfold": (compressed_index, BROKEN),
    "boxes in boxes": (nested_boxes, BROKEN),
    "a million empty boxes": (lambda _: FTYP + box(b"free") * 1_000_000, BROKEN),
    "a box of 2^63 bytes": (lambda mp4: mp4 + struct.pack(">I4sQ", 1, b"free", 1 << 63), ANY),
    "32 MB of comment": (long_comment, ANY),
    "four billion sizes": (lambda mp4: table(mp4, "stsz", 0, MOST), BROKEN),
    "four billion pictures of one size": (lambda mp4: table(mp4, "stsz", 1, MOST), BROKEN),
    "four billion places": (lambda mp4: table(mp4, "stco", MOST, 48), ANY),
    "four billion durations": (lambda mp4: table(mp4, "stts", MOST, 1, 512), ANY),
    "a duration for four billion": (lambda mp4: table(mp4, "stts", 1, MOST, 512), ANY),
    "chunks of four billion": (lambda mp4: table(mp4, "stsc", 1, 1, MOST, 1), ANY),
    "no time between pictures": (lambda mp4: table(mp4, "stts", 1, 30, 0), ANY | {"frame_rate_too_high"}),
    "a million pictures a second": (lambda mp4: table(mp4, "stts", 1, 30, 1), {"frame_rate_too_high"}),
    "one picture for ten hours": (lambda mp4: table(mp4, "stts", 2, 29, 512, 1, 36_000 * 15_360), {"too_long"}),
    "steps back in time": (lambda mp4: table(mp4, "stts", 2, 15, 512, 15, 0xFFFFF000), ANY),
    "a hundred thousand cuts": (lambda mp4: cut(mp4, words(1, 0, 1 << 16) * 100_000), {"too_demanding"}),
    "a cut of 136 years": (lambda mp4: cut(mp4, words(MOST, 0, 1 << 16)), ANY | {"too_long"}),
    "a clock that does not tick": (still_clock, BROKEN | {"too_long"}),
    "a fragment of four billion pictures": (lambda mp4: fragments(mp4, 1, MOST), BROKEN),
    "a fragment of a hundred million": (lambda mp4: fragments(mp4, 1, 100_000_000), BROKEN),
    "twenty thousand fragments": (lambda mp4: fragments(mp4, 20_000, 60), {"too_demanding"}),
    "the same picture for nine hours": (lambda mp4: same_picture(mp4, 1_000_000, 512), {"too_demanding"}),
    "the same picture as long as allowed": (lambda mp4: same_picture(mp4, 1_700, 512), {STREAM}),
    "pixels a billion times as wide": (lambda mp4: deformed(mp4, 1_000_000_000, 1), {"too_many_pixels"}),
    "pixels a billion times as high": (lambda mp4: deformed(mp4, 1, 1_000_000_000), {"too_small"}),
    "16,384 x 16,384 in a few kilobytes": (giant_h264, BROKEN | {"too_many_pixels"}),
}

WEBM: dict[str, tuple[Callable[[list[bytes]], bytes], set[str]]] = {
    "an honest one": (lambda vp9: webm(*vp9), {STREAM}),
    "65,536 x 65,536 in a kilobyte": (
        lambda vp9: webm(giant_vp9(vp9[0], 65_536), *vp9[1:]),
        BROKEN | {"too_many_pixels"},
    ),
    "16,384 x 16,384, later": (lambda vp9: webm(*vp9, giant_vp9(vp9[0], 16_384)), ANY | {"too_many_pixels"}),
    "ten thousand tracks": (
        lambda vp9: webm(*vp9, tracks=b"".join(track(number=n) for n in range(1, 10_001))),
        BROKEN | {"too_many_streams"},
    ),
    "shown four thousand times as wide": (
        lambda vp9: webm(*vp9, tracks=track(shown=(640_000, 120))),
        {"too_many_pixels"},
    ),
    "shown one pixel wide": (lambda vp9: webm(*vp9, tracks=track(shown=(1, 120))), {"too_small"}),
    "pictures that unpack a thousandfold": (
        lambda vp9: webm(*[zlib.compress(bytes(1 << 26), 9)] * 16, tracks=track(SQUEEZED)),
        BROKEN,
    ),
    "a setup that unpacks a thousandfold": (
        lambda vp9: webm(*vp9, tracks=track(SQUEEZED, element(0x63A2, zlib.compress(bytes(1 << 27), 9)))),
        ANY,
    ),
    "a tick of a century": (lambda vp9: webm(*vp9, scale=1 << 62), BROKEN | {"too_long"}),
    "a tick of a nanosecond": (lambda vp9: webm(*vp9, scale=1, step=1), {"frame_rate_too_high"}),
    "segments in segments": (lambda _: matroska(element(0x18538067, size=(1 << 56) - 2) * 20_000), BROKEN),
    "a block that claims four gigabytes": (lambda _: blocks(element(0xA3, b"\x81\0\0\x80", size=1 << 32)), BROKEN),
    "two hundred thousand tags": (
        lambda _: matroska(element(0x1654AE6B, track()), element(0x1254C367, element(0x67C8) * 200_000)),
        BROKEN,
    ),
    "a million laces": (lambda _: blocks(element(0xA3, b"\x81\0\0\x86\xff", b"\xff" * 255) * 5_000), BROKEN),
}


@pytest.fixture(scope="module")
def sandbox() -> Sandbox:
    limits = Limits(
        max_seconds=60,
        memory_bytes=MEMORY,
        cpu_base=20,
        cpu_per_second=1,
        max_pixel_frames=1920 * 1080 * 61 * 60,
    )
    return Sandbox(limits, minimum=Level.FILTERED, threads=1)


@pytest.fixture(scope="module")
def mp4(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return make(tmp_path_factory.mktemp("mp4") / "a.mp4", Clip(audio=None)).read_bytes()


@pytest.fixture(scope="module")
def vp9(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    return packets(make(tmp_path_factory.mktemp("vp9") / "a.webm", Clip(video="libvpx-vp9", audio=None, seconds=0.5)))


async def ended(sandbox: Sandbox, path: Path) -> str:
    """The reason, or STREAM. Raises DecoderDied when a decoder left by the wrong door."""
    try:
        async with asyncio.timeout(SECONDS):
            source = await sandbox.probe(path)
            await sandbox.encode(path, source, path.parent, ladder(source)[:1])
    except MediaRejected as refused:
        return refused.code.value
    return STREAM


@pytest.mark.parametrize("name", MP4)
async def test_an_mp4_bomb_ends_soon_and_small(sandbox: Sandbox, mp4: bytes, tmp_path: Path, name: str) -> None:
    build, outcomes = MP4[name]
    path = tmp_path / "bomb"
    path.write_bytes(build(mp4))

    assert await ended(sandbox, path) in outcomes


@pytest.mark.parametrize("name", WEBM)
async def test_a_matroska_bomb_ends_soon_and_small(
    sandbox: Sandbox, vp9: list[bytes], tmp_path: Path, name: str
) -> None:
    build, outcomes = WEBM[name]
    path = tmp_path / "bomb"
    path.write_bytes(build(vp9))

    assert await ended(sandbox, path) in outcomes


async def test_sixteen_million_pixels_again_and_again_are_refused_before_they_are_decoded(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    mp4 = make(tmp_path / "a.mp4", Clip(width=4096, height=4096, seconds=0.01, audio=None)).read_bytes()
    (tmp_path / "bomb").write_bytes(same_picture(mp4, 2_800, 256))

    assert await ended(sandbox, tmp_path / "bomb") == "too_demanding"


async def test_a_picture_of_wide_pixels_is_as_wide_as_it_is_shown(sandbox: Sandbox, mp4: bytes, tmp_path: Path) -> None:
    (tmp_path / "wide.mp4").write_bytes(deformed(mp4, 4, 3))

    source = await sandbox.probe(tmp_path / "wide.mp4")

    assert (source.width, source.height) == (213, 120)
