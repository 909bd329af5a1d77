"""The decoder process: how far it is locked in, and what hostile bytes do to it."""

import asyncio
import os
import random
import sys
from pathlib import Path
from typing import Any

import msgspec
import pillow_heif
import pytest
from PIL import ExifTags, Image
from prometheus_client import REGISTRY

from daira_confinement import Level
from daira_confinement.escapes import Attempt
from daira_media.adapters import sandbox
from daira_media.adapters.decoder.protocol import Order, Outcome
from daira_media.adapters.sandbox import Decoder

WEAK_MACHINE = """
import platform, runpy
platform.machine = lambda: "riscv64"
runpy.run_module("daira_media.adapters.decoder", run_name="__main__")
"""
"""Nobody has written down its system calls: nothing filters them."""
KINDS = [
    ("JPEG", "CMYK", {}),
    ("JPEG", "L", {"progressive": True}),
    ("JPEG", "RGB", {"xmp": b'<x:xmpmeta xmlns:x="adobe:ns:meta/"/>'}),
    ("MPO", "RGB", {"save_all": True, "append_images": [Image.new("RGB", (64, 48))]}),
    ("PNG", "1", {}),
    ("PNG", "I;16", {}),
    ("PNG", "P", {"transparency": 3}),
    ("PNG", "LA", {"optimize": True}),
    ("WEBP", "RGBA", {"lossless": True}),
    ("WEBP", "RGB", {"save_all": True, "append_images": [Image.new("RGB", (64, 48))]}),
    ("HEIF", "RGBA", {}),
]
CONTENT_TYPES = {
    "JPEG": "image/jpeg",
    "MPO": "image/jpeg",
    "PNG": "image/png",
    "WEBP": "image/webp",
    "HEIF": "image/heic",
}


@pytest.mark.parametrize("minimum", [Level.FILTERED, Level.CONFINED])
async def test_this_decoder_is_measured_by_attempts_that_all_fail(minimum: Level) -> None:
    found = await Decoder(minimum=minimum).measure()

    assert found.level >= Level.CONFINED
    assert found.leaks == frozenset()
    found.accept(minimum)


async def test_every_way_out_that_was_tried_is_told_to_the_monitoring(running: Any) -> None:
    told = {
        attempt: REGISTRY.get_sample_value("daira_media_sandbox_leak", {"attempt": attempt.value})
        for attempt in Attempt
    }

    assert set(told.values()) == {0.0}
    assert (REGISTRY.get_sample_value("daira_media_sandbox_level") or 0) >= Level.CONFINED


async def test_nothing_is_opened_where_decoders_are_locked_in_too_little(tmp_path: Path) -> None:
    source, folder = tmp_path / "source", tmp_path / "folder"
    Image.new("RGB", (64, 48)).save(source, "PNG")
    folder.mkdir()
    made = []
    for minimum in (Level.LIMITED, Level.FILTERED):
        order = Order(
            work="image",
            source=str(source),
            folder=str(folder),
            content_type="image/png",
            parent=os.getpid(),
            minimum=minimum,
        )
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-c", WEAK_MACHINE, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
        answer, _ = await child.communicate(msgspec.json.encode(order))
        outcome = msgspec.json.decode(answer, type=Outcome)
        assert outcome.level is Level.LIMITED and "riscv64" in outcome.reasons[0]
        made.append(len(outcome.files))

    assert made == [3, 0]


@pytest.mark.parametrize(("kind", "mode", "options"), KINDS)
async def test_all_kinds_of_pictures_are_decoded_by_what_was_loaded_before(
    kind: str, mode: str, options: Any, tmp_path: Path
) -> None:
    pillow_heif.register_heif_opener()
    turned = Image.Exif()
    turned[ExifTags.Base.Orientation] = 6
    Image.effect_noise((64, 48), 40).convert(mode).save(tmp_path / "source", kind, exif=turned.tobytes(), **options)

    outcome = await Decoder().images(tmp_path / "source", tmp_path, CONTENT_TYPES[kind], is_square=False)

    assert outcome.failure is None
    assert outcome.level >= Level.CONFINED
    assert (outcome.files[0].width, outcome.files[0].height) == (48, 64)


@pytest.mark.parametrize("work", ["image", "voice"])
async def test_a_decoder_that_takes_too_long_is_killed(work: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "source")  # whoever opens it waits for a writer, for ever
    decoder = Decoder(wall_seconds=2)

    if work == "image":
        outcome = await decoder.images(tmp_path / "source", tmp_path, "image/png", is_square=False)
    else:
        outcome = await decoder.voice(tmp_path / "source", tmp_path, "audio/ogg")

    assert outcome.failure == "decoding_took_too_long"


@pytest.mark.parametrize("said", [b"", b"{", b'{"level":9}', b'{"files":[{"name":1}]}'])
def test_nonsense_from_a_captured_decoder_is_no_result(said: bytes) -> None:
    assert sandbox._read(said) is None


async def test_mutated_pictures_fail_with_a_code_or_become_pictures(tmp_path: Any) -> None:
    chance = random.Random(5)
    made: list[tuple[str, bytes]] = []
    for kind, content_type in (("JPEG", "image/jpeg"), ("PNG", "image/png"), ("WEBP", "image/webp")):
        path = tmp_path / kind
        Image.effect_noise((64, 48), 40).convert("RGB").save(path, kind)
        made.append((content_type, path.read_bytes()))
    decoder = Decoder(parallel=2)

    async def one(number: int) -> Any:
        content_type, data = made[number % len(made)]
        broken = bytearray(data)
        for _ in range(chance.randint(1, 8)):
            broken[chance.randrange(12, len(broken))] = chance.randrange(256)
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "source").write_bytes(broken)
        return await decoder.images(folder / "source", folder, content_type, is_square=False)

    outcomes = await asyncio.gather(*(one(number) for number in range(24)))

    assert {outcome.failure for outcome in outcomes} <= {None, "image_broken", "image_too_large"}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"OggS\0",
        b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n",
        b"ffconcat version 1.0\nfile /etc/passwd\n",
        b"OggS\x00\x02" + bytes(4000),
    ],
)
@pytest.mark.parametrize("content_type", ["audio/ogg", "audio/mp4", "video/webm"])
async def test_junk_is_no_voice_note(data: Any, content_type: Any, tmp_path: Any) -> None:
    (tmp_path / "source").write_bytes(data)

    outcome = await Decoder().voice(tmp_path / "source", tmp_path, content_type)

    assert outcome.failure in {"voice_broken", "voice_without_sound", "voice_empty", "decoder_died"}
