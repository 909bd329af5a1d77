"""Files made to harm: each is refused with a reason, within limits, and reaches nothing outside."""

import asyncio
import contextlib
import os
import random
import struct
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from daira_confinement import Level
from daira_kit.settings import environment
from daira_testing.boxes import box, element, full, matroska, replaced, whole
from daira_testing.clips import Clip, make, make_growing
from daira_video.adapters.sandbox import DecoderDied, Sandbox
from daira_video.domain.ladder import ladder
from daira_video.domain.limits import FailureCode, Limits, MediaRejected

FLIPPED = 2_000 if environment("SIZE") == "full" else 60


@pytest.fixture(scope="module")
def sandbox() -> Sandbox:
    return Sandbox(Limits(max_seconds=60), minimum=Level.FILTERED, threads=2)


async def refusal(sandbox: Sandbox, path: Path) -> FailureCode:
    with pytest.raises(MediaRejected) as refused:
        await sandbox.probe(path)
    return refused.value.code


def written(path: Path, body: bytes) -> Path:
    path.write_bytes(body)
    return path


EBML = b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01\x42\x82\x88matroska" + bytes(64)
FTYP = struct.pack(">I4s4sI4s", 20, b"ftyp", b"isom", 0, b"isom")


@pytest.mark.parametrize(
    ("name", "body", "code"),
    [
        ("zero length", b"", FailureCode.EMPTY),
        ("one byte", b"\0", FailureCode.NOT_MEDIA),
        ("text", b"I am a video, believe me. " * 100, FailureCode.NOT_MEDIA),
        ("html", b"<html><script>alert(1)</script></html>" * 10, FailureCode.NOT_MEDIA),
        ("elf", b"\x7fELF" + bytes(500), FailureCode.NOT_MEDIA),
        ("jpeg", b"\xff\xd8\xff\xe0\0\x10JFIF" + bytes(500), FailureCode.NOT_MEDIA),
        ("avi", b"RIFF\0\0\0\0AVI LIST" + bytes(500), FailureCode.NOT_MEDIA),
        ("heic", struct.pack(">I4s4s", 24, b"ftyp", b"heic") + bytes(500), FailureCode.UNSUPPORTED_CONTAINER),
        ("other ebml", b"\x1a\x45\xdf\xa3" + bytes(500), FailureCode.UNSUPPORTED_CONTAINER),
        ("ftyp and junk", FTYP + b"\xde\xad\xbe\xef" * 500, FailureCode.TRUNCATED),
        ("ftyp alone", FTYP, FailureCode.NOT_MEDIA),
        ("moov of lies", FTYP + struct.pack(">I4s", 0x7FFFFFFF, b"moov") + bytes(500), FailureCode.TRUNCATED),
        ("concat script", b"ffconcat version 1.0\nfile /etc/passwd\n", FailureCode.NOT_MEDIA),
        ("sdp", b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nm=video 5004 RTP/AVP 96\n", FailureCode.NOT_MEDIA),
        ("subtitle bomb", b"1\n00:00:00,000 --> 99:59:59,999\nx\n" * 1000, FailureCode.NOT_MEDIA),
        ("mkv header alone", EBML, FailureCode.NOT_MEDIA),
    ],
)
async def test_what_is_no_video_is_refused_with_its_reason(
    sandbox: Sandbox, tmp_path: Path, name: str, body: Any, code: FailureCode
) -> None:
    assert await refusal(sandbox, written(tmp_path / "upload.mp4", body)) is code


@pytest.mark.parametrize("dress", ["{playlist}", "\0\0\0\x14ftypisom\0\0\0\0isom{playlist}"])
async def test_a_playlist_dressed_as_mp4_reaches_neither_files_nor_the_network(
    sandbox: Sandbox, tmp_path: Path, dress: str
) -> None:
    visits: list[bool] = []

    async def visited(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        visits.append(True)
        writer.close()

    canary = await asyncio.start_server(visited, "127.0.0.1", 0)
    port = canary.sockets[0].getsockname()[1]
    playlist = f"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:{port}/a.ts\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n"

    async with canary:
        code = await refusal(sandbox, written(tmp_path / "a.mp4", dress.format(playlist=playlist).encode()))

    assert code is FailureCode.NOT_MEDIA or code is FailureCode.TRUNCATED
    assert visits == []


def elsewhere(mp4: bytes, entry: bytes) -> bytes:
    """The index says that the pictures lie in another file."""
    return replaced(mp4, "moov/trak/mdia/minf/dinf", box(b"dinf", full(b"dref", struct.pack(">I", 1), entry)))


def alias(path: str) -> bytes:
    """A QuickTime alias: the file, that it lies in the same folder, then its whole path as a tagged record."""
    name = path.rpartition("/")[2].encode()
    head = bytes(50) + bytes([len(name)]) + name.ljust(63, b"\0") + bytes(8) + b"\0\1\0\1" + bytes(16)
    text = path.encode() + bytes(len(path) % 2)
    return full(b"alis", head + struct.pack(">HH", 2, len(path)) + text + b"\xff\xff\0\0")


def reference_movie(_: bytes, path: str) -> bytes:
    reference = full(b"rdrf", b"url ", len(path).to_bytes(4, "big"), path.encode())
    return FTYP + box(b"moov", box(b"rmra", box(b"rmda", reference)))


def linked_segment(_: bytes, path: str) -> bytes:
    names = (element(0x7384, path.encode()), element(0x3E83BB, path.encode()))
    return matroska(element(0x1549A966, whole(0x2AD7B1, 1_000_000), *names))


REFERENCES: dict[str, Callable[[bytes, str], bytes]] = {
    "pictures at an address": lambda mp4, path: elsewhere(mp4, full(b"url ", f"file://{path}".encode() + b"\0")),
    "pictures at an alias": lambda mp4, path: elsewhere(mp4, alias(path)),
    "a reference movie": reference_movie,
    "a linked segment": linked_segment,
    "a concatenation": lambda _, path: f"ffconcat version 1.0\nfile '{path}'\n".encode(),
}


@pytest.mark.parametrize("name", REFERENCES)
async def test_a_file_that_points_at_another_never_has_it_read(sandbox: Sandbox, tmp_path: Path, name: str) -> None:
    real = make(tmp_path / "real.mp4", Clip(audio=None)).read_bytes()
    canary = tmp_path / "canary.mp4"
    # Whoever opened this canary would wait for its writer until the deadline, and the death would fail the test.
    await asyncio.to_thread(os.mkfifo, canary)
    path = written(tmp_path / "upload.mp4", REFERENCES[name](real, str(canary)))

    with contextlib.suppress(MediaRejected):
        async with asyncio.timeout(30):
            await sandbox.probe(path)

    # Nobody reads it at this moment either: to open it for writing without waiting fails.
    with pytest.raises(OSError, match="No such device"):
        os.open(canary, os.O_WRONLY | os.O_NONBLOCK)


async def test_a_playlist_inside_a_real_mp4_is_only_bytes(sandbox: Sandbox, tmp_path: Path) -> None:
    path = make(tmp_path / "a.mp4", Clip())
    path.write_bytes(path.read_bytes() + b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n" * 50)

    assert (await sandbox.probe(path)).frames == 30


@pytest.mark.parametrize(
    ("name", "clip", "code"),
    [
        ("audio_only.mp4", Clip(video=None), FailureCode.NO_VIDEO),
        ("too_small.mp4", Clip(width=8, height=160), FailureCode.TOO_SMALL),
        ("too_wide.mp4", Clip(width=4352, height=32, seconds=0.1), FailureCode.TOO_MANY_PIXELS),
        ("too_fast.mp4", Clip(rate=240), FailureCode.TOO_FAST),
        ("too_long.mp4", Clip(rate=1, seconds=70, audio=None), FailureCode.TOO_LONG),
        ("endless_sound.mp4", Clip(seconds=0.5, audio_seconds=70), FailureCode.TOO_LONG),
        ("jump.mp4", Clip(jump=100_000), FailureCode.TOO_LONG),
        ("jump.mkv", Clip(jump=100_000, audio=None), FailureCode.TOO_LONG),
        ("million.mkv", Clip(rate=1_000_000, seconds=0.001, audio=None), FailureCode.TOO_FAST),
        ("mpeg4.mp4", Clip(video="mpeg4", audio=None), FailureCode.UNSUPPORTED_CODEC),
        ("vp8.webm", Clip(video="libvpx", audio="libopus"), FailureCode.UNSUPPORTED_CODEC),
        ("flac.mkv", Clip(audio="flac"), FailureCode.UNSUPPORTED_CODEC),
    ],
)
async def test_videos_beyond_the_rules_are_refused_with_their_reason(
    sandbox: Sandbox, tmp_path: Path, name: str, clip: Any, code: FailureCode
) -> None:
    assert await refusal(sandbox, make(tmp_path / name, clip)) is code


async def test_pictures_that_change_their_size_are_scaled_to_the_first(sandbox: Sandbox, tmp_path: Path) -> None:
    path = make_growing(tmp_path / "grows.webm", [(160, 120), (320, 240), (80, 60)])
    source = await sandbox.probe(path)

    encoded = await sandbox.encode(path, source, tmp_path, ladder(source)[:1])

    assert (source.width, source.height) == (160, 120)
    assert abs(sum(segment.seconds for segment in encoded.rungs[0].segments) - 1.5) < 0.1


async def test_pictures_that_grow_beyond_the_limit_later_are_refused(sandbox: Sandbox, tmp_path: Path) -> None:
    path = make_growing(tmp_path / "grows.webm", [(160, 120), (4352, 64)])
    source = await sandbox.probe(path)

    with pytest.raises(MediaRejected) as refused:
        await sandbox.encode(path, source, tmp_path, ladder(source)[:1])

    assert refused.value.code in (FailureCode.TOO_MANY_PIXELS, FailureCode.DECODE_FAILED)


async def test_nine_streams_are_one_too_many(tmp_path: Path) -> None:
    narrow = Sandbox(Limits(max_streams=1), minimum=Level.FILTERED, threads=1)

    assert await refusal(narrow, make(tmp_path / "a.mp4", Clip())) is FailureCode.TOO_MANY_STREAMS


@pytest.mark.parametrize("kept", [0.02, 0.3, 0.6, 0.85])
@pytest.mark.parametrize("name", ["end.mp4", "live.mkv"])
async def test_an_upload_that_was_cut_is_refused(sandbox: Sandbox, tmp_path: Path, name: str, kept: float) -> None:
    body = make(tmp_path / name, Clip(seconds=4, noise=True)).read_bytes()

    code = await refusal(sandbox, written(tmp_path / f"cut_{name}", body[: int(len(body) * kept)]))

    assert code in (FailureCode.TRUNCATED, FailureCode.NOT_MEDIA, FailureCode.NO_FRAMES)


async def test_a_cut_after_the_index_is_noticed_too(sandbox: Sandbox, tmp_path: Path) -> None:
    make(tmp_path / "a.mp4", Clip(seconds=4, noise=True))
    out = tmp_path / "out"
    out.mkdir()
    source = await sandbox.probe(tmp_path / "a.mp4")
    await sandbox.encode(tmp_path / "a.mp4", source, out, ladder(source)[:1], mp4="240p")
    fast = (out / "video.mp4").read_bytes()

    assert await refusal(sandbox, written(tmp_path / "cut.mp4", fast[: len(fast) // 2])) is FailureCode.TRUNCATED


async def test_a_size_declared_larger_than_the_picture_is_no_way_to_take_memory(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    body = bytearray(make(tmp_path / "a.mp4", Clip()).read_bytes())
    entry = body.index(b"avc1", body.index(b"stsd")) + 28
    body[entry : entry + 4] = struct.pack(">HH", 65535, 65535)

    source = await sandbox.probe(written(tmp_path / "bomb.mp4", bytes(body)))

    # The lie is square and shown as 4:3, so its pixels count as wide; their number is that of the picture.
    assert (source.width, source.height) == (213, 120)


@pytest.mark.sized(FLIPPED)
async def test_bit_flips_never_escape_as_anything_but_a_reason(sandbox: Sandbox, tmp_path: Path) -> None:
    chance = random.Random(11)
    sources = [make(tmp_path / name, Clip(seconds=0.5)).read_bytes() for name in ("a.mp4", "a.mkv")]

    for _ in range(FLIPPED):
        body = bytearray(chance.choice(sources))
        for _bit in range(chance.choice((1, 8, 64))):
            body[chance.randrange(len(body))] ^= 1 << chance.randrange(8)
        path = written(tmp_path / "flipped", bytes(body))
        with tempfile.TemporaryDirectory(dir=tmp_path) as out, contextlib.suppress(MediaRejected):
            source = await sandbox.probe(path)
            await sandbox.encode(path, source, Path(out), ladder(source)[:1])


async def test_computing_time_runs_out_for_a_video_that_wants_too_much(tmp_path: Path) -> None:
    path = make(tmp_path / "a.mp4", Clip(seconds=20, width=640, height=480, noise=True))
    source = await Sandbox(Limits(), minimum=Level.FILTERED, threads=1).probe(path)
    poor = Sandbox(Limits(cpu_base=1, cpu_per_second=0), minimum=Level.FILTERED, threads=1)

    with pytest.raises(MediaRejected) as refused:
        await poor.encode(path, source, tmp_path, ladder(source))

    assert refused.value.code is FailureCode.TOO_DEMANDING


async def test_memory_runs_out_without_taking_the_service_along(tmp_path: Path) -> None:
    path = make(tmp_path / "a.mp4", Clip(width=1920, height=1080, seconds=1))
    source = await Sandbox(Limits(), minimum=Level.FILTERED, threads=1).probe(path)
    poor = Sandbox(Limits(memory_bytes=280 * 1024 * 1024), minimum=Level.FILTERED, threads=1)

    with pytest.raises((MediaRejected, DecoderDied)) as failed:
        await poor.encode(path, source, tmp_path, ladder(source))

    assert getattr(failed.value, "code", None) in (FailureCode.TOO_DEMANDING, FailureCode.CRASHED)
