"""The ladder beside Debian's ffmpeg: same rungs, same encoder settings, one command, a clip of 21 s in 1080p."""

import asyncio
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from daira_confinement import Level
from daira_devtools.bench import compare, in_turn, limit, tell
from daira_testing.clips import sample
from daira_video.adapters.sandbox import Sandbox
from daira_video.domain.ladder import SEGMENT_SECONDS, Rung, ladder, mp4_rung
from daira_video.domain.limits import Limits, Source

ROUNDS = 5
BAR = 1.1
FIRST_PASS_SHARE = 0.3
FFMPEG = shutil.which("ffmpeg") or ""
LOOPS = 3  # the sample lasts 5.3 s; four times is more than the 20 s asked for


class Cost:
    """Wall and CPU seconds of the children started in between; rounds are appended."""

    def __init__(self) -> None:
        self.cpu: list[float] = []
        self.wall: list[float] = []

    def measured(self) -> Callable[[], float]:
        """Start; the returned call ends the round and gives its wall seconds."""
        before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()

        def end() -> float:
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            self.cpu.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
            self.wall.append(time.perf_counter() - started)
            return self.wall[-1]

        return end


def make_clip(path: Path) -> None:
    """Once, before the rounds."""
    subprocess.run(
        [FFMPEG, "-v", "error", "-stream_loop", str(LOOPS), "-i", str(sample()), "-vf", "scale=1920:1080",
         "-c:v", "libx264", "-preset", "ultrafast", "-crf", "18", "-c:a", "aac", "-y", str(path)],
        check=True,
    )  # fmt: skip


def command(path: Path, folder: Path, source: Source, rungs: tuple[Rung, ...]) -> list[str]:
    """What an operator would type for the same result."""
    names = [rung.name for rung in rungs]
    heads = "".join(f"[in{name}]" for name in names)
    graph = f"[0:v]fps={source.rate},split={len(rungs)}{heads}"
    for rung in rungs:
        graph += f";[in{rung.name}]scale={rung.width}:{rung.height},format=yuv420p[out{rung.name}]"
    line = [FFMPEG, "-v", "error", "-i", str(path), "-filter_complex", graph]
    for rung in rungs:
        (folder / rung.name).mkdir()
        line += [
            "-map", f"[out{rung.name}]", "-map", "0:a", "-c:v", "libx264", "-preset", rung.preset, "-profile:v", "high",
            "-b:v", str(rung.video_bps), "-maxrate", str(rung.max_bps), "-bufsize", str(rung.buffer_bits),
            "-g", str(rung.gop), "-keyint_min", str(rung.gop), "-sc_threshold", "0",
            "-c:a", "aac", "-ac", "2", "-ar", "48000", "-b:a", str(rung.audio_bps),
            "-f", "hls", "-hls_time", str(SEGMENT_SECONDS), "-hls_playlist_type", "vod",
            "-hls_segment_filename", str(folder / rung.name / "seg_%05d.ts"), str(folder / rung.name / "playlist.m3u8"),
        ]  # fmt: skip
    return line


class Bench:
    """Both ways on one clip."""

    def __init__(self, clip: Path, root: Path) -> None:
        self.clip, self.root = clip, root
        self.sandbox = Sandbox(Limits(), minimum=Level.LIMITED, threads=2)
        self.ours, self.peer = Cost(), Cost()
        self.first_shares: list[float] = []

    async def run_ours(self) -> float:
        """Probe, poster, both passes and the MP4: all that lies between an upload and READY but the bucket."""
        folder = self._empty("ours")
        end, started = self.ours.measured(), time.perf_counter()
        source = await self.sandbox.probe(self.clip)
        rungs = ladder(source)
        rest = tuple(r for r in rungs if not r.first_pass)
        second = asyncio.create_task(
            self.sandbox.encode(self.clip, source, folder, rest, mp4=mp4_rung(rungs), patient=True)
        )
        head = tuple(r for r in rungs if r.first_pass)
        first = asyncio.create_task(self.sandbox.encode(self.clip, source, folder, head))
        await self.sandbox.poster(self.clip, source, folder)
        await first
        playable = time.perf_counter() - started
        await second
        total = end()
        self.first_shares.append(playable / total)
        return total

    async def run_peer(self) -> float:
        """The command line."""
        folder = self._empty("peer")
        source = await self.sandbox.probe(self.clip)
        line = command(self.clip, folder, source, ladder(source))
        end = self.peer.measured()
        process = await asyncio.create_subprocess_exec(*line)
        if await process.wait():
            raise SystemExit("ffmpeg failed")
        return end()

    def _empty(self, name: str) -> Path:
        folder = self.root / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        return folder


async def main() -> None:
    """Needs Debian's ffmpeg and no stack."""
    if not FFMPEG:
        raise SystemExit("the peer is missing: apt-get install ffmpeg")
    with tempfile.TemporaryDirectory(prefix="bench-ladder-") as folder:
        root = Path(folder)
        await asyncio.to_thread(make_clip, root / "clip.mp4")
        bench = Bench(root / "clip.mp4", root)
        await in_turn(bench.run_ours, bench.run_peer, rounds=ROUNDS, warm_up=0)
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    note = f"five rungs, two passes + poster + mp4 beside one command; largest child {memory:.0f} MB"
    tell(compare("video/ladder", "CPU s", bench.ours.cpu, bench.peer.cpu, bar=BAR, note=note))
    tell(compare("video/ladder", "wall s", bench.ours.wall, bench.peer.wall, bar=BAR, note=note))
    share = median(bench.first_shares)
    tell(limit("video/ladder", "first pass / whole", share, most=FIRST_PASS_SHARE, note="from the probe to playable"))


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
