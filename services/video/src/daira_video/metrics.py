"""Every metric of video, named once."""

from prometheus_client import Counter, Gauge, Histogram

TRANSCODED = Counter(
    "daira_video_transcoded_total", "Videos by how they ended: ready, degraded or a failure code", ["outcome"]
)
STAGE_SECONDS = Histogram(
    "daira_video_stage_seconds",
    "Time in one stage of a transcode: probe, poster, first, second, upload",
    ["stage"],
    buckets=(0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000, 3000),
)
CORRUPT_PACKETS = Counter("daira_video_corrupt_packets_total", "Packets of originals that could not be decoded")
SANDBOX_LEVEL = Gauge("daira_video_sandbox_level", "Confinement reached here: 0 none to 4 namespaces; -1 too weak")
SANDBOX_LEAK = Gauge(
    "daira_video_sandbox_leak",
    "1 where this way out of the sandbox worked when it was tried at start, 0 where it was refused",
    ["attempt"],
)
SERVED_BYTES = Counter("daira_video_served_bytes_total", "Bytes of streams given to players", ["kind"])
