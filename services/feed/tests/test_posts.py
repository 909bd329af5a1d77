"""Posts as clients make, read, change and remove them."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from typing import Any
from uuid import UUID

import pytest

from daira_contracts.feed import PostChangedV1, PostState
from daira_contracts.media import AssetChangedV1, AssetKind, AssetState
from daira_contracts.moderation import Decision
from daira_contracts.user import FollowState
from daira_kit.ids import new_id
from daira_stores.work import Work
from daira_web.limits import Limiter


async def create(feed: Any, author: UUID, body: dict[str, Any], **headers: str) -> Any:
    return await feed.client.post("/v1/posts", json=body, headers={**feed.mint.headers(author), **headers})


async def edit(feed: Any, author: UUID, post_id: str, body: dict[str, Any], **headers: str) -> Any:
    return await feed.client.patch(f"/v1/posts/{post_id}", json=body, headers={**feed.mint.headers(author), **headers})


async def remove(feed: Any, author: UUID, post_id: str) -> Any:
    return await feed.client.delete(f"/v1/posts/{post_id}", headers=feed.mint.headers(author))


@pytest.mark.parametrize("method", ["post", "get", "patch", "delete"])
async def test_nobody_touches_posts_without_a_token(feed: Any, method: str) -> None:
    path = "/v1/posts" if method == "post" else f"/v1/posts/{new_id()}"

    answer = await getattr(feed.client, method)(path)

    assert answer.status_code == 401
    assert answer.json()["code"] == "token_invalid"


async def test_a_processing_post_is_seen_by_its_author_only(feed: Any) -> None:
    author, other = await feed.person("ali"), await feed.person()
    post = await feed.post(author, "قيد المراجعة")

    mine, theirs = await feed.read(author, post["id"]), await feed.read(other, post["id"])

    assert mine.json()["state"] == "PROCESSING"
    assert mine.json()["author"]["handle"] == "ali"
    assert theirs.status_code == 404
    assert theirs.json()["code"] == "post_not_found"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"text": ""}, "text"),
        ({"text": "\u200b\u2060\ufeff \u202e"}, "text"),
        ({"text": "ا" * 5_001}, "text"),
        ({"text": "x", "visibility": "FRIENDS"}, "visibility"),
        ({"text": "x", "replyPolicy": "SOME"}, "replyPolicy"),
        ({"text": "x", "mediaIds": ["0190f0c0-0000-7000-8000-000000000001"] * 2}, "mediaIds"),
        ({"text": "x", "quoteOf": "0190f0c0-0000-7000-8000-000000000009"}, "quoteOf"),
    ],
)
async def test_a_bad_post_is_refused_by_field(feed: Any, body: dict[str, Any], field: str) -> None:
    answer = await create(feed, await feed.person(), body)

    assert answer.status_code == 400
    assert answer.json()["code"] == "validation_failed"
    assert answer.json()["errors"][0]["field"] == field


@pytest.mark.parametrize(
    "body", [{"text": "x", "state": "PUBLISHED"}, {"text": 5}, {"text": "x" * 20_001}, {"mediaIds": ["no"]}]
)
async def test_a_body_of_the_wrong_shape_is_refused(feed: Any, body: dict[str, Any]) -> None:
    answer = await create(feed, await feed.person(), body)

    assert answer.status_code == 400
    assert answer.headers["content-type"].startswith("application/problem+json")


async def test_a_repeated_request_makes_one_post(feed: Any) -> None:
    author = await feed.person()
    key = {"Idempotency-Key": str(new_id())}

    first = await create(feed, author, {"text": "once"}, **key)
    again = await create(feed, author, {"text": "once"}, **key)
    other = await create(feed, author, {"text": "twice"}, **key)

    assert again.json() == first.json()
    assert again.headers["idempotent-replayed"] == "true"
    assert other.status_code == 422
    assert len(await feed.sql("SELECT 1 FROM post WHERE author_id = %s", author)) == 1


async def test_an_edit_shows_the_last_approved_text_until_its_own_verdict(any_feed: Any) -> None:
    author, reader = await any_feed.person(), await any_feed.person()
    await any_feed.follow(reader, author)
    post_id = await any_feed.published(author, "first #one")

    edited = await edit(any_feed, author, post_id, {"text": "second #two"})
    await any_feed.settled()
    assert edited.json()["text"] == "second #two"
    assert edited.json()["isEditPending"] is True
    assert (await any_feed.read(reader, post_id)).json()["text"] == "first #one"
    assert (await any_feed.circle(reader))["items"][0]["post"]["text"] == "first #one"

    await any_feed.verdict(post_id, Decision.APPROVED, 2)
    await any_feed.sql_until("SELECT 1 FROM post WHERE id = %s AND approved_revision = 2", UUID(post_id))
    await any_feed.settled()
    assert (await any_feed.read(reader, post_id)).json()["hashtags"] == ["two"]
    assert (await any_feed.circle(reader))["items"][0]["post"]["text"] == "second #two"


async def test_a_refused_edit_leaves_the_approved_text(feed: Any) -> None:
    author, reader = await feed.person(), await feed.person()
    post_id = await feed.published(author, "good")
    await edit(feed, author, post_id, {"text": "bad"})

    await feed.verdict(post_id, Decision.REJECTED, 2, code="hate")
    await feed.sql_until("SELECT 1 FROM post WHERE id = %s AND reject_code = 'hate'", UUID(post_id))

    assert (await feed.read(reader, post_id)).json()["text"] == "good"
    assert (await feed.read(author, post_id)).json()["rejectCode"] == "hate"
    assert (await feed.read(reader, post_id)).json()["rejectCode"] is None


async def test_a_verdict_on_another_revision_changes_nothing(feed: Any) -> None:
    author = await feed.person()
    post = await feed.post(author, "one")
    await edit(feed, author, post["id"], {"text": "two"})

    await feed.verdict(post["id"], Decision.REJECTED, 1)
    await feed.verdict(post["id"], Decision.APPROVED, 2)
    await feed.sql_until("SELECT 1 FROM post WHERE id = %s AND state = 'PUBLISHED'", UUID(post["id"]))

    assert (await feed.read(author, post["id"])).json()["text"] == "two"


@pytest.mark.parametrize(
    ("decision", "code"), [(Decision.REJECTED, "violence"), (Decision.NEEDS_REVIEW, "under_review")]
)
async def test_a_later_verdict_on_the_same_text_takes_a_post_down_and_another_brings_it_back(
    any_feed: Any, decision: Decision, code: str
) -> None:
    author, reader = await any_feed.person(), await any_feed.person()
    await any_feed.follow(reader, author)
    await any_feed.circle(reader)
    post_id = await any_feed.published(author, "reported")
    assert await any_feed.circle_ids(reader) == [post_id]

    await any_feed.verdict(post_id, decision, code="violence")
    await any_feed.sql_until("SELECT 1 FROM post WHERE id = %s AND state = 'REJECTED'", UUID(post_id))
    await any_feed.settled()
    assert (await any_feed.read(author, post_id)).json()["rejectCode"] == code
    assert await any_feed.circle_ids(reader) == []
    assert (await any_feed.read(reader, post_id)).status_code == 404

    await any_feed.verdict(post_id, Decision.APPROVED)
    await any_feed.sql_until("SELECT 1 FROM post WHERE id = %s AND state = 'PUBLISHED'", UUID(post_id))
    await any_feed.settled()
    assert await any_feed.circle_ids(reader) == [post_id]


async def test_a_rejected_post_cannot_be_edited(feed: Any) -> None:
    author = await feed.person()
    post = await feed.post(author, "bad")
    await feed.verdict(post["id"], Decision.REJECTED)
    await feed.sql_until("SELECT 1 FROM post WHERE id = %s AND state = 'REJECTED'", UUID(post["id"]))

    answer = await edit(feed, author, post["id"], {"text": "better"})

    assert (answer.status_code, answer.json()["code"]) == (422, "post_not_editable")
    assert (await feed.read(author, post["id"])).json()["rejectCode"] == "moderation_rejected"


async def test_only_the_author_changes_a_post(feed: Any) -> None:
    author, other = await feed.person(), await feed.person()
    public, hidden = await feed.published(author, "public"), (await feed.post(author, "hidden"))["id"]

    assert (await edit(feed, other, public, {"text": "mine now"})).status_code == 403
    assert (await remove(feed, other, public)).json()["code"] == "not_the_author"
    assert (await edit(feed, other, hidden, {"text": "mine now"})).status_code == 404
    assert (await remove(feed, other, hidden)).status_code == 404
    assert (await remove(feed, other, str(new_id()))).status_code == 404


async def test_a_removed_post_is_gone_and_its_text_forgotten(any_feed: Any) -> None:
    author, reader = await any_feed.person(), await any_feed.person()
    await any_feed.follow(reader, author)
    await any_feed.circle(reader)
    post_id = await any_feed.published(author, "to be forgotten")

    assert (await remove(any_feed, author, post_id)).status_code == 204
    assert (await remove(any_feed, author, post_id)).status_code == 204
    await any_feed.settled()

    assert await any_feed.circle_ids(reader) == []
    assert (await any_feed.read(reader, post_id)).status_code == 404
    assert (await edit(any_feed, author, post_id, {"text": "back"})).json()["code"] == "post_removed"
    assert await any_feed.sql("SELECT 1 FROM content WHERE post_id = %s AND text <> ''", UUID(post_id)) == []
    told = await any_feed.probe.wait_for(
        PostChangedV1, lambda event: str(event.post_id) == post_id and event.state is PostState.REMOVED
    )
    assert told.text == ""


async def test_etags_spare_bytes_and_lost_updates(feed: Any) -> None:
    author = await feed.person()
    post_id = await feed.published(author, "v1")
    etag = (await feed.read(author, post_id)).headers["etag"]

    assert (await feed.read(author, post_id, **{"If-None-Match": etag})).status_code == 304
    assert (await edit(feed, author, post_id, {"text": "v2"}, **{"If-Match": etag})).status_code == 200
    stale = await edit(feed, author, post_id, {"text": "v3"}, **{"If-Match": etag})
    assert (stale.status_code, stale.json()["code"]) == (412, "precondition_failed")
    assert (await edit(feed, author, post_id, {"text": "v3"}, **{"If-Match": '"junk"'})).status_code == 400


async def test_the_state_of_a_post_is_told_in_every_state_with_rising_revisions(feed: Any) -> None:
    author = await feed.person()
    post_id = await feed.published(author, "told")
    await edit(feed, author, post_id, {"visibility": "FOLLOWERS"})
    await remove(feed, author, post_id)
    await feed.probe.wait_for(
        PostChangedV1, lambda event: str(event.post_id) == post_id and event.state is PostState.REMOVED
    )

    told = [event for event in await feed.probe.events(PostChangedV1) if str(event.post_id) == post_id]

    assert [event.state.value for event in told] == ["PROCESSING", "PUBLISHED", "PUBLISHED", "REMOVED"]
    assert [event.revision for event in told] == [1, 2, 3, 4]
    assert [event.content_revision for event in told] == [1, 1, 1, 1]
    assert told[2].visibility.value == "FOLLOWERS"


async def test_a_profile_page_has_what_its_reader_may_see(feed: Any) -> None:
    author, follower, stranger = await feed.person(), await feed.person(), await feed.person()
    await feed.follow(follower, author)
    public = await feed.published(author, "for all")
    limited = await feed.published(author, "for followers", visibility="FOLLOWERS")
    waiting = (await feed.post(author, "waiting"))["id"]

    async def page(reader: UUID) -> list[str]:
        answer = await feed.client.get(f"/v1/users/{author}/posts", headers=feed.mint.headers(reader))
        return [view["id"] for view in answer.json()["items"]]

    assert await page(stranger) == [public]
    assert await page(follower) == [limited, public]
    assert await page(author) == [waiting, limited, public]
    await feed.relate(author, follower, blocks=True, follow=FollowState.NONE)
    assert await page(follower) == []


@pytest.mark.parametrize(("is_private", "then"), [(False, 200), (True, "post_not_found")])
async def test_until_the_profile_arrived_a_post_is_for_its_author_and_followers(
    any_feed: Any, is_private: bool, then: int | str
) -> None:
    author, follower, stranger = new_id(), await any_feed.person(), await any_feed.person()
    await any_feed.follow(follower, author)
    post_id = await any_feed.published(author, "to all, should the account be public")

    assert [(await any_feed.read(reader, post_id)).status_code for reader in (author, follower)] == [200, 200]
    assert await any_feed.circle_ids(follower) == [post_id]
    early = await any_feed.read(stranger, post_id)
    assert (early.status_code, early.json()["code"], early.headers["Retry-After"]) == (404, "not_yet_visible", "1")
    quote = await create(any_feed, stranger, {"text": "look", "quoteOf": post_id})
    assert (quote.status_code, quote.json()["errors"][0]["field"]) == (400, "quoteOf")

    await any_feed.profile(author, "late", is_private=is_private)
    await any_feed.sql_until("SELECT 1 FROM profile WHERE user_id = %s", author)

    late = await any_feed.read(stranger, post_id)
    assert then in (late.status_code, late.json().get("code"))
    assert await any_feed.circle_ids(follower) == [post_id]


@contextmanager
def counted_statements(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What this task asks PostgreSQL; the process's own background work does not count."""
    me, execute, asked = asyncio.current_task(), Work.execute, []

    async def counting(self: Work, statement: Any, parameters: Any = None) -> Any:
        if asyncio.current_task() is me:
            asked.append(statement)
        return await execute(self, statement, parameters)

    with monkeypatch.context() as patch:
        patch.setattr(Work, "execute", counting)
        yield asked


async def test_a_profile_page_asks_as_many_statements_for_twenty_posts_as_for_one(
    feed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    author, reader, image = await feed.person(), await feed.person(), new_id()
    await feed.probe.publish(
        AssetChangedV1(
            media_id=image,
            owner_id=author,
            kind=AssetKind.IMAGE,
            state=AssetState.READY,
            storage_key=f"media/{image}",
            content_type="image/webp",
            size_bytes=1,
        )
    )
    await feed.sql_until("SELECT 1 FROM asset WHERE media_id = %s", image)
    posts = [(await feed.post(author, f"post {number}", mediaIds=[str(image)]))["id"] for number in range(20)]
    for post_id in posts:
        await feed.verdict(post_id, Decision.APPROVED)
    shown = "SELECT 1 FROM post WHERE author_id = %s AND state = 'PUBLISHED' HAVING count(*) = 20"
    await feed.sql_until(shown, author)
    await feed.settled()

    counts = []
    for person, limit in product((author, reader), (1, 20)):
        with counted_statements(monkeypatch) as asked:
            answer = await feed.client.get(
                f"/v1/users/{author}/posts", params={"limit": limit}, headers=feed.mint.headers(person)
            )
        items = answer.json()["items"]
        assert [len(item["media"]) for item in items] == [1] * limit
        assert all(item["text"] == f"post {posts.index(item['id'])}" for item in items)
        counts.append(len(asked))
    assert counts == counts[:1] * 4
    assert 0 < counts[0] < 10


async def test_a_profile_page_goes_on_from_its_cursor(feed: Any) -> None:
    author, reader = await feed.person(), await feed.person()
    ids = [await feed.published(author, f"post {number}") for number in range(5)]
    seen: list[str] = []
    query: dict[str, str] = {"limit": "2"}
    while True:
        answer = await feed.client.get(f"/v1/users/{author}/posts", params=query, headers=feed.mint.headers(reader))
        seen += [view["id"] for view in answer.json()["items"]]
        if not answer.json()["hasMore"]:
            break
        query["cursor"] = answer.json()["nextCursor"]

    assert seen == ids[::-1]
    borrowed = await feed.client.get(
        f"/v1/users/{author}/posts", params=query, headers=feed.mint.headers(await feed.person())
    )
    assert (borrowed.status_code, borrowed.json()["code"]) == (400, "cursor_invalid")


async def test_an_unknown_person_is_not_yet_visible_while_fresh(feed: Any) -> None:
    reader = await feed.person()
    fresh = await feed.client.get(f"/v1/users/{new_id()}/posts", headers=feed.mint.headers(reader))
    old = await feed.client.get(
        "/v1/users/0190f0c0-0000-7000-8000-000000000001/posts", headers=feed.mint.headers(reader)
    )

    assert (fresh.json()["code"], fresh.headers["retry-after"]) == ("not_yet_visible", "1")
    assert (old.status_code, old.json()["code"]) == (404, "user_not_found")


async def test_a_person_changes_and_removes_so_many_posts_a_minute(feed: Any) -> None:
    author, other = await feed.person(), await feed.person()
    mine, theirs = await feed.post(author, "mine"), await feed.post(other, "theirs")
    limit = feed.settings.edits_limit
    await Limiter.on_redis(feed.settings.redis_url).hit(
        limit, "post.edit", str(author), cost=int(limit.partition("/")[0]), fail_open=False
    )

    headers = feed.mint.headers(author)
    edited = await feed.client.patch(f"/v1/posts/{mine['id']}", json={"text": "again"}, headers=headers)
    removed = await feed.client.delete(f"/v1/posts/{mine['id']}", headers=headers)

    for refused in (edited, removed):
        assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
        assert int(refused.headers["retry-after"]) > 0
    read = await feed.client.get(f"/v1/posts/{mine['id']}", headers=headers)
    assert read.json()["text"] == "mine"
    gone = await feed.client.delete(f"/v1/posts/{theirs['id']}", headers=feed.mint.headers(other))
    assert gone.status_code == 204
