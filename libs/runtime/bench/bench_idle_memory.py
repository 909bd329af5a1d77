"""Idle memory of each running service against a process that imports the same packages and serves one route."""

import subprocess
import sys
import time
from pathlib import Path

import httpx

from daira_devtools.bench import compare, limit, tell
from daira_devtools.stack import Stack
from daira_kit.settings import environment

MOST_MEGABYTES = 180
BAR = 1.3
ROUNDS = 5
PEER = """
import sys, uvicorn
import daira_{service}.wiring, daira_runtime
from litestar import Litestar, get
@get("/", sync_to_thread=False)
def answer() -> dict[str, str]:
    return {{}}
uvicorn.run(Litestar([answer], openapi_config=None), host="127.0.0.1", port={port}, log_level="error")
"""


def resident_megabytes(pid: int) -> float:
    """RSS of one process, from the kernel."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def peer_megabytes(service: str, port: int) -> float:
    """Start the peer, ask it once, read its memory, end it."""
    process = subprocess.Popen([sys.executable, "-c", PEER.format(service=service, port=port)])
    try:
        for _ in range(200):
            try:
                httpx.get(f"http://127.0.0.1:{port}/", trust_env=False).raise_for_status()
                break
            except httpx.HTTPError:
                time.sleep(0.1)
        return resident_megabytes(process.pid)
    finally:
        process.terminate()
        process.wait()


def main() -> None:
    """Needs the whole stack."""
    stack = Stack.named(environment("DAIRA_STACK_NAME", "main"))
    pids = {record.name: record.pid for record in stack.records}
    for service in stack.rows.service.names:
        ours: list[float] = []
        peer: list[float] = []
        for _ in range(ROUNDS):
            ours.append(resident_megabytes(pids[service]))
            peer.append(peer_megabytes(service, stack.base + 900))
        tell(compare(f"idle/{service}", "RSS MB", ours, peer, bar=BAR))
        tell(limit(f"idle/{service}", "RSS MB, bound", max(ours), most=MOST_MEGABYTES))


if __name__ == "__main__":
    main()
