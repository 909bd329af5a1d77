"""Fetches the programs of the table in parallel, each once per version, and proves what lies in the cache."""

import asyncio
import fcntl
import hashlib
import importlib.util
import itertools
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from daira_devtools.stack import children, place, tools
from daira_devtools.stack.errors import StackError
from daira_devtools.stack.table import Download
from daira_devtools.stack.together import together

LOCK_POLL_SECONDS = 0.2
RECORD = "fetched.json"
POM = """<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>daira</groupId><artifactId>stack</artifactId><version>1</version><packaging>pom</packaging>
<dependencies>{dependencies}</dependencies></project>
"""
DEPENDENCY = "<dependency><groupId>{}</groupId><artifactId>{}</artifactId><version>{}</version></dependency>"


class Fetched(msgspec.Struct, frozen=True):
    """Our own record of a finished download: what it was made from, and the SHA-256 of each file."""

    source: str
    files: dict[str, str]


def wheel_binary(download: Download) -> Path:
    """The program inside an installed wheel."""
    spec = importlib.util.find_spec(download.module)
    if spec is None or spec.origin is None:
        raise StackError(f"the wheel with the module {download.module} is not installed: run `make setup`")
    found = sorted(Path(spec.origin).parent.glob(download.path))
    if not found:
        raise StackError(f"{download.module} has no {download.path} for this machine")
    return found[0]


def folder_of(name: str, download: Download) -> Path:
    return place.cache() / f"{name}-{download.version}"


async def fetch(downloads: dict[str, Download], tell: Callable[[str], None]) -> None:
    """Makes every download present and whole. Raises `StackError` with the tool's own last words."""
    wanted = {name: download for name, download in downloads.items() if download.kind != "wheel"}
    missing = [name for name, download in wanted.items() if not _is_whole(name, download)]
    tools.require(_tools_for(wanted[name] for name in missing))
    await together(_fetch_one(name, wanted[name], tell) for name in missing)


def _tools_for(downloads: Iterable[Download]) -> set[str]:
    return {{"maven": "mvn", "go": "go"}[download.kind] for download in downloads}


async def _fetch_one(name: str, download: Download, tell: Callable[[str], None]) -> None:
    place.cache().mkdir(parents=True, exist_ok=True)
    async with _locked(place.cache() / f"{name}.lock"):
        if _is_whole(name, download):
            return
        tell(f"fetching {name} {download.version}")
        temporary = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=place.cache()))
        try:
            await (_maven if download.kind == "maven" else _go)(download, temporary)
            _seal(name, download, temporary)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


async def _maven(download: Download, folder: Path) -> None:
    rows = [DEPENDENCY.format(*artifact.split(":")) for artifact in download.artifacts]
    pom = folder / "pom.xml"
    pom.write_text(POM.format(dependencies="".join(rows)))
    await children.finish(
        ["mvn", "-q", "-B", "-f", str(pom), "dependency:copy-dependencies", f"-DoutputDirectory={folder}"]
    )
    pom.unlink()


async def _go(download: Download, folder: Path) -> None:
    env = {"GOBIN": str(folder), "CGO_ENABLED": "0"}
    await children.finish(["go", "install", f"{download.package}@{download.version}"], env)


def _seal(name: str, download: Download, temporary: Path) -> None:
    files = {path.name: _sha256(path) for path in sorted(temporary.iterdir())}
    record = Fetched(source=_source(download), files=files)
    (temporary / RECORD).write_bytes(msgspec.json.encode(record))
    target = folder_of(name, download)
    shutil.rmtree(target, ignore_errors=True)
    temporary.rename(target)


def _is_whole(name: str, download: Download) -> bool:
    folder = folder_of(name, download)
    try:
        record = msgspec.json.decode((folder / RECORD).read_bytes(), type=Fetched)
        return record.source == _source(download) and all(
            _sha256(folder / file) == digest for file, digest in record.files.items()
        )
    except (OSError, msgspec.MsgspecError):
        return False


def _source(download: Download) -> str:
    return " ".join((download.kind, download.version, download.package, *download.artifacts)).strip()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@asynccontextmanager
async def _locked(path: Path) -> AsyncIterator[None]:
    """Only one command fetches a program; the others wait for it, in a way that Ctrl-C can end."""
    with path.open("w") as file:
        for wait in itertools.repeat(LOCK_POLL_SECONDS):
            if _try_lock(file.fileno()):
                break
            await asyncio.sleep(wait)
        yield


def _try_lock(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
