"""Redis, the event store, the object store, this machine's disks, and the processes of a local stack."""

import asyncio
import http.client
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from typing import Any

from daira_cli.doctor.check import Check, Watch, asked, finding, fine
from daira_cli.where import LOCAL
from daira_stores.cql import open_cql
from daira_stores.objects import open_objects
from daira_stores.redis import open_redis

FREE_SHARE, FREE_BYTES = 0.1, 5 * 1024**3
READY_SECONDS = 5


def stores(settings: Any) -> Iterator[tuple[str, Callable[[], Any]]]:
    """(name, asking) of every store besides PostgreSQL that these settings name. The name is the store's address."""
    if url := getattr(settings, "redis_url", ""):
        yield _without_password(url), lambda: _redis(url)
    if hosts := getattr(settings, "cql_hosts", ""):
        subject = f"{hosts}:{settings.cql_port}/{settings.cql_keyspace}"
        yield subject, lambda: _cql(subject, hosts, settings.cql_port, settings.cql_keyspace)
    if endpoint := getattr(settings, "s3_endpoint", ""):
        yield f"{endpoint}/{settings.s3_bucket}", lambda: _objects(settings)


async def _redis(url: str) -> list[Check]:
    async with open_redis(url) as client:
        watch = Watch()
        await client.ping()
        return [fine("redis", _without_password(url), str(watch))]


async def _cql(subject: str, hosts: str, port: int, keyspace: str) -> list[Check]:
    async with open_cql(hosts, port, keyspace) as session:
        watch = Watch()
        await session.check()
        return [fine("cql", subject, str(watch))]


async def _objects(settings: Any) -> list[Check]:
    objects = open_objects(settings.s3_endpoint, settings.s3_access_key, settings.s3_secret_key, settings.s3_bucket)
    watch = Watch()
    await objects.list_with_delimiter_async("doctor-looks-here")
    return [fine("s3", f"{settings.s3_endpoint}/{settings.s3_bucket}", str(watch))]


def disks(folders: set[str]) -> list[Check]:
    """Room where services of this machine write; `folders` that are empty mean the temporary folder."""
    return [_disk(folder) for folder in sorted({folder or tempfile.gettempdir() for folder in folders})]


def _disk(folder: str) -> Check:
    try:
        usage = shutil.disk_usage(folder)
    except OSError as error:
        return finding("disk", folder, str(error), "create it, or set another folder")
    said = f"{usage.free / 1024**3:.1f} GiB free of {usage.total / 1024**3:.1f}"
    if usage.free < min(FREE_BYTES, FREE_SHARE * usage.total):
        return finding("disk", folder, said, "make room before uploads and transcodes fail")
    return fine("disk", folder, said)


async def ready(name: str, port: int) -> list[Check]:
    """What /readyz of a local process says. Raises OSError when nobody listens."""
    watch = Watch()
    status, answer = await asyncio.to_thread(_readyz, port)
    failing = "; ".join(f"{one['name']}: {one['error']}" for one in answer.get("dependencies", ()) if one.get("error"))
    then = f"its log: .stack/*/logs/{name}.log"
    if status != http.client.OK:
        return [finding("process", name, f"not ready: {failing or status}", then)]
    if failing:
        return [finding("process", name, f"ready, without {failing}", then)]
    return [fine("process", name, f"ready, {watch}")]


async def processes(ports: dict[str, int]) -> list[Check]:
    """All of a local stack at once."""
    then = "python -m daira_devtools.stack status; make up starts what is missing"
    found = await asyncio.gather(*(asked("process", name, then, ready(name, port)) for name, port in ports.items()))
    return [check for checks in found for check in checks]


def _readyz(port: int) -> tuple[int, dict[str, Any]]:
    connection = http.client.HTTPConnection(LOCAL, port, timeout=READY_SECONDS)
    try:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        body = json.loads(answer.read() or b"{}")
        return answer.status, body if isinstance(body, dict) else {}
    except (http.client.HTTPException, ValueError) as error:
        raise OSError(f"no sensible answer: {error}") from error
    finally:
        connection.close()


def _without_password(url: str) -> str:
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"
