"""Pictures and voice notes in posts that fewer people may see."""

import io
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest
from PIL import Image

from daira_contracts.auth import UserErasedV1
from daira_contracts.feed import PostChangedV1, PostState, Visibility
from daira_contracts.media import AssetChangedV1
from daira_kit.clock import now
from daira_kit.ids import new_id
from daira_media.adapters.decoder.protocol import Made, Outcome
from daira_media.service.renditions import Renditions
from daira_testing.cdn import CdnStandIn, cdn_stand_in
from daira_testing.waiting import eventually
from daira_web.cdn import PURGE, HttpCdn, Purging


async def put_photo(running: Any) -> str:
    """A picture that is uploaded and being worked on."""
    buffer = io.BytesIO()
    Image.new("RGB", (40, 30), (9, 9, 9)).save(buffer, "PNG")
    data = buffer.getvalue()
    path = await running.created(len(data))
    assert (await running.patch(path, 0, data)).status_code == 204
    return str(path.rpartition("/")[2])


async def url_of(running: Any, media_id: str) -> str:
    """As its owner reads it."""

    async def look() -> str | None:
        answer = await running.http.get(f"/v1/media/{media_id}", headers=running.auth())
        assert answer.status_code == 200
        return str(answer.json()["variants"][0]["url"]) if answer.json()["state"] == "READY" else None

    found = await eventually(look)
    assert found
    return found


def post(running: Any, media_id: str, revision: int, **changes: Any) -> PostChangedV1:
    values: dict[str, Any] = {
        "post_id": UUID(media_id),  # one post a picture: any id will do
        "revision": revision,
        "author_id": running.person,
        "state": PostState.PUBLISHED,
        "content_revision": 1,
        "text": "مرحبا",
        "media_ids": (UUID(media_id),),
        "created_at": now(),
    }
    return PostChangedV1(**(values | changes))


async def another_url(running: Any, media_id: str, than: str) -> str:
    async def look() -> str | None:
        url = await url_of(running, media_id)
        return url if url != than else None

    found = await eventually(look)
    assert found
    return found


@pytest.mark.parametrize(
    "change",
    [
        {"state": PostState.REMOVED, "media_ids": (), "text": ""},
        {"state": PostState.REJECTED},
        {"visibility": Visibility.FOLLOWERS},
        {"media_ids": (), "content_revision": 2},
    ],
    ids=["removed", "rejected", "for followers", "taken out"],
)
async def test_who_lost_sight_of_a_post_loses_its_picture_and_the_owner_has_another_url(
    running: Any, probe: Any, change: dict[str, Any]
) -> None:
    media_id = await put_photo(running)
    known = await url_of(running, media_id)
    assert (await running.http.get(known)).status_code == 200

    await probe.publish(post(running, media_id, 1))
    await probe.publish(post(running, media_id, 2, **change))

    fresh = await another_url(running, media_id, than=known)
    assert (await running.http.get(known)).status_code == 404
    assert (await running.http.get(known, headers={"If-None-Match": f'"{known}"'})).status_code == 404
    assert (await running.http.get(fresh)).status_code == 200
    told = await probe.wait_for(AssetChangedV1, lambda event: str(event.media_id) == media_id and event.revision == 3)
    assert fresh in {rendition.url for rendition in told.renditions}


async def test_a_tombstone_of_the_post_is_its_removal(running: Any) -> None:
    media_id = await put_photo(running)
    known = await url_of(running, media_id)
    async with running.database.work() as work:
        await running.media.audiences.note_post(post(running, media_id, 1), work)

    async with running.database.work() as work:
        await running.media.audiences.forget_post(UUID(media_id), work)

    assert await url_of(running, media_id) != known


async def test_what_hides_nothing_changes_no_url(running: Any) -> None:
    media_id, stranger = await put_photo(running), new_id()
    known = await url_of(running, media_id)
    for event in (
        post(running, media_id, 1, state=PostState.PROCESSING),
        post(running, media_id, 2, visibility=Visibility.FOLLOWERS),
        post(running, media_id, 3),
        post(running, media_id, 1, state=PostState.REMOVED),
        post(running, media_id, 1, post_id=stranger, author_id=stranger),
        post(running, media_id, 2, post_id=stranger, author_id=stranger, state=PostState.REMOVED),
        post(running, media_id, 1, post_id=new_id()),
        post(running, media_id, 4, state=PostState.REMOVED),
    ):
        async with running.database.work() as work:
            await running.media.audiences.note_post(event, work)

    assert await url_of(running, media_id) == known


class Late:
    """A decoder during whose run the post of the picture is removed."""

    def __init__(self, running: Any, media_id: str) -> None:
        self.running, self.media_id = running, media_id

    async def images(self, _source: Any, folder: Any, _type: str, *, is_square: bool) -> Outcome:
        (folder / "160.webp").write_bytes(b"picture")
        for revision, state in ((1, PostState.PUBLISHED), (2, PostState.REMOVED)):
            async with self.running.database.work() as work:
                await self.running.media.audiences.note_post(
                    post(self.running, self.media_id, revision, state=state), work
                )
        return Outcome(files=(Made(name="160.webp", content_type="image/webp", width=4, height=3),))


async def test_a_url_that_changed_while_the_picture_was_made_is_the_one_that_works(running: Any) -> None:
    media_id = await put_photo(running)
    await url_of(running, media_id)
    async with running.database.work() as work:
        await work.execute("UPDATE asset SET state = 'PROCESSING', renditions = '[]' WHERE id = %s", (media_id,))
    store = running.media.uploads._store

    await Renditions(running.database, store, Late(running, media_id), None).make(UUID(media_id))  # type: ignore[arg-type]

    answer = await running.http.get(await url_of(running, media_id))
    assert (answer.status_code, answer.content) == (200, b"picture")


@pytest.fixture
async def cdn(running: Any) -> AsyncIterator[CdnStandIn]:
    """The shared process gets a cache in front of it for one test."""
    urls = running.media.assets._urls
    before = urls._purging
    async with cdn_stand_in() as stand_in:
        urls._purging = Purging(HttpCdn(running.http, url=stand_in.url, token=""), after_seconds=3600)
        yield stand_in
        urls._purging = before
    async with running.database.work() as work:
        await work.execute("DELETE FROM job WHERE kind = %s", (PURGE,))


async def test_caches_are_asked_to_forget_what_was_revoked_and_what_an_erased_person_left(
    running: Any, cdn: CdnStandIn
) -> None:
    media_id = await put_photo(running)
    revoked = await url_of(running, media_id)
    async with running.database.work() as work:
        await running.media.audiences.note_post(post(running, media_id, 1), work)
        await running.media.audiences.note_post(post(running, media_id, 2, state=PostState.REMOVED), work)
    erased = await url_of(running, media_id)
    async with running.database.work() as work:
        await running.media.assets.erase_person(UserErasedV1(user_id=running.person, erased_at=now()), work)
        rows = await work.all("SELECT key FROM job WHERE kind = %s", (PURGE,))
        shown = await work.all("SELECT 1 FROM shown WHERE author_id = %s", (running.person,))

    prefixes = {url.rpartition("/")[0] + "/" for url in (revoked, erased)}
    assert {row["key"] for row in rows} == prefixes
    assert shown == []
    assert (await running.http.get(erased)).status_code == 404
