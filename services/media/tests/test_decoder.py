"""The decoder process: what it may not do, and what hostile bytes do to it."""

import asyncio
import random
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from daira_media.adapters import sandbox
from daira_media.adapters.decoder.confine import LAYERS
from daira_media.adapters.sandbox import Decoder

ESCAPES = {
    "a file of the service": "open('/proc/self/../1/environ').read()",
    "a password file": "open('/etc/passwd').read()",
    "a file beside its folder": "open('/tmp/escaped', 'w')",
    "the network": "__import__('socket').socket()",
    "a program": "__import__('os').execv('/bin/true', ['true'])",
    "a child": "__import__('os').fork()",
    "2 GB of memory": "bytearray(2_000_000_000)",
    "100 MB on disk": "open('big', 'wb').write(bytes(100_000_000))",
}


async def confined(folder: Path, code: str) -> int:
    """Run code in a process that has given up its rights; its exit status."""
    program = (
        "import sys, signal, pathlib; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "import socket, os\n"
        "from daira_media.adapters.decoder.confine import confine\n"
        f"confine(pathlib.Path({str(folder)!r}), 5)\n"
        f"try:\n    {code}\nexcept (OSError, MemoryError):\n    os._exit(7)\n"
    )
    child = await asyncio.create_subprocess_exec(
        *sandbox.interpreter(), "-c", program, cwd=folder, stderr=asyncio.subprocess.DEVNULL
    )
    return await child.wait()


async def test_every_layer_of_confinement_holds_here(tmp_path: Any) -> None:
    assert await Decoder().layers(tmp_path) == LAYERS


@pytest.mark.parametrize("wish", ESCAPES)
async def test_the_decoder_cannot_have(wish: Any, tmp_path: Any) -> None:
    assert await confined(tmp_path, ESCAPES[wish]) == 7


async def test_the_decoder_can_work_in_its_folder(tmp_path: Any) -> None:
    assert await confined(tmp_path, "open('made', 'w').write('x')") == 0


async def test_a_decoder_that_takes_too_long_is_killed(tmp_path: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(sandbox, "interpreter", lambda: ("/bin/sleep", "60"))
    monkeypatch.setattr(sandbox, "MODULE", ())

    outcome = await Decoder(wall_seconds=0.3).images(tmp_path / "x", tmp_path, "image/png", is_square=False)

    assert outcome.failure == "decoding_took_too_long"


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
