"""The archive of a person: made of every service's part, for its owner and whoever has the URL, gone in time."""

import io
from datetime import timedelta
from typing import Any
from uuid import UUID
from zipfile import ZipFile

import msgspec
import pytest

from daira_contracts.auth import UserErasedV1
from daira_contracts.exports import part_key
from daira_contracts.registry import EXPORTERS
from daira_contracts.user import ExportRequestedV1
from daira_kit.clock import now
from daira_kit.ids import new_id
from daira_media.domain import keys
from daira_media.service.exports import PACK, Exports
from daira_testing.waiting import eventually

OTHERS = sorted(set(EXPORTERS) - {"media"})
"""Media writes its own part itself."""


class Archive:
    """One export, as the rest of the platform takes part in it."""

    def __init__(self, running: Any, probe: Any) -> None:
        self.running, self.probe, self.id = running, probe, new_id()

    @property
    def exports(self) -> Exports:
        exports: Exports = self.running.media.exports
        return exports

    @property
    def objects(self) -> Any:
        return self.exports._store._objects

    async def ask(self) -> None:
        await self.probe.publish(ExportRequestedV1(user_id=self.running.person, export_id=self.id))

    async def write(self, *services: str) -> None:
        """As these services do."""
        for service in services:
            await self.objects.put_async(part_key(self.id, service), msgspec.json.encode({"from": [service]}))
            event = EXPORTERS[service](user_id=self.running.person, export_id=self.id, size_bytes=1)
            await self.probe.publish(event, event)

    async def view(self, person: UUID | None = None) -> Any:
        answer = await self.running.http.get(f"/v1/media/{self.id}", headers=self.running.auth(person))
        return answer.json()

    async def until(self, state: str) -> Any:
        async def look() -> Any:
            view = await self.view()
            return view if view.get("state") == state else None

        return await eventually(look)

    async def stored(self) -> list[str]:
        """Keys of everything that belongs to it."""
        prefixes = (keys.parts_prefix(self.id), keys.media_prefix(self.running.person, self.id))
        return [meta["path"] for prefix in prefixes async for batch in self.objects.list(prefix) for meta in batch]

    async def until_stored(self, *wanted: str) -> None:
        async def look() -> bool:
            return await self.stored() == list(wanted)

        await eventually(look)

    async def expire(self) -> None:
        async with self.running.database.work() as work:
            await work.execute("UPDATE export SET expires_at = %s WHERE id = %s", (now() - timedelta(1), self.id))
        await self.exports.end(self.id)


@pytest.fixture
async def archive(running: Any, probe: Any) -> Archive:
    return Archive(running, probe)


async def test_the_last_part_completes_the_archive_whatever_came_first(archive: Archive) -> None:
    await archive.write(*OTHERS[:3])
    await archive.ask()
    await archive.until("PROCESSING")
    await archive.write(*OTHERS[3:])
    view = await archive.until("READY")
    (variant,) = view["variants"]
    fetched = await archive.running.http.get(variant["url"])
    some = await archive.running.http.get(variant["url"], headers={"Range": "bytes=0-3"})

    assert (view["kind"], view["progress"], variant["contentType"]) == ("EXPORT", 100, "application/zip")
    assert fetched.headers["cache-control"] == "private, no-store"
    assert len(fetched.content) == variant["sizeBytes"]
    assert (some.status_code, some.content) == (206, b"PK\x03\x04")
    with ZipFile(io.BytesIO(fetched.content)) as packed:
        assert packed.testzip() is None
        assert packed.namelist() == [f"{service}.json" for service in sorted(EXPORTERS)]
        assert msgspec.json.decode(packed.read("auth.json")) == {"from": ["auth"]}
        assert msgspec.json.decode(packed.read("media.json")) == {}
    await archive.until_stored(keys.export_key(archive.running.person, archive.id))


async def test_nobody_else_is_told_of_it_and_no_other_name_or_capability_leads_to_it(archive: Archive) -> None:
    await archive.ask()
    await archive.write(*OTHERS)
    url = (await archive.until("READY"))["variants"][0]["url"]

    assert (await archive.view(new_id()))["code"] == "media_not_found"
    for wrong in (url.replace("export.zip", "auth.json"), url.replace("/exports/", "/images/"), "/media/exports/x/y"):
        assert (await archive.running.http.get(wrong)).status_code == 404


async def test_a_service_that_is_down_delays_the_archive_until_its_time_is_over(archive: Archive) -> None:
    await archive.ask()
    await archive.write(*OTHERS[1:])
    waiting = await archive.until("PROCESSING")
    async with archive.running.database.read() as work:
        assert await work.all("SELECT 1 FROM job WHERE kind = %s AND key = %s", (PACK, str(archive.id))) == []
    await archive.expire()
    failed = await archive.until("FAILED")

    assert waiting["variants"] == []
    assert failed["failureCode"] == "export_incomplete"
    await archive.until_stored()


async def test_it_is_gone_when_its_time_is_over(archive: Archive) -> None:
    await archive.ask()
    await archive.write(*OTHERS)
    url = (await archive.until("READY"))["variants"][0]["url"]
    await archive.expire()

    assert (await archive.running.http.get(url)).status_code == 404
    assert "state" not in await archive.view()
    await archive.until_stored()


async def test_an_erasure_takes_the_archive_and_every_part_also_one_that_comes_late(archive: Archive) -> None:
    await archive.ask()
    await archive.write(*OTHERS)
    url = (await archive.until("READY"))["variants"][0]["url"]
    await archive.probe.publish(UserErasedV1(user_id=archive.running.person, erased_at=now()))

    async def is_gone() -> bool:
        return bool((await archive.running.http.get(url)).status_code == 404)

    await eventually(is_gone)
    await archive.write(OTHERS[0])
    await archive.until_stored()
    async with archive.running.database.read() as work:
        assert await work.all("SELECT 1 FROM export WHERE id = %s", (archive.id,)) == []
