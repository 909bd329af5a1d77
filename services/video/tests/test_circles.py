"""URLs that somebody knows who may not watch any more: accounts turn private, followers leave."""

from typing import Any
from uuid import UUID

import pytest

from daira_audience import Audiences
from daira_audience.circles import RENEW_URLS, Circles
from daira_contracts.auth import UserErasedV1
from daira_contracts.feed import PostChangedV1, PostState, Visibility
from daira_contracts.user import FollowState, ProfileChangedV1, ProfileState, RelationChangedV1
from daira_contracts.video import VideoChangedV1
from daira_kit.capabilities import new_capability
from daira_kit.clock import now
from daira_kit.ids import new_id
from daira_stores.postgres import Database
from daira_testing.cdn import cdn_stand_in
from daira_testing.waiting import eventually
from daira_video.domain.lifecycle import VideoState
from daira_video.domain.videos import Video
from daira_video.repository import videos
from daira_video.repository.shown import SHOWN
from daira_video.service.urls import PlaybackUrls
from daira_web.cdn import Purging


def profile(user_id: UUID, revision: int, *, is_private: bool, **changes: Any) -> ProfileChangedV1:
    values: dict[str, Any] = {"state": ProfileState.ACTIVE, "handle": "h", "display_name": "n", "created_at": now()}
    return ProfileChangedV1(user_id=user_id, revision=revision, is_private=is_private, **(values | changes))


def relation(follower: UUID, author: UUID, revision: int, follow: FollowState, **changes: Any) -> RelationChangedV1:
    return RelationChangedV1(actor_id=follower, target_id=author, revision=revision, follow=follow, **changes)


def post_of(author: UUID, video_id: UUID, visibility: Visibility) -> PostChangedV1:
    return PostChangedV1(
        post_id=new_id(),
        revision=1,
        author_id=author,
        state=PostState.PUBLISHED,
        content_revision=1,
        text="مرحبا",
        media_ids=(video_id,),
        visibility=visibility,
        created_at=now(),
    )


async def put_videos(database: Database, author: UUID, count: int = 1) -> list[str]:
    """Videos that play as far as rows say; returns their playback ids."""
    ids = [(new_id(), new_capability()) for _ in range(count)]
    async with database.work() as work:
        await work.execute(
            """
            INSERT INTO video (id, owner_id, storage_key, size_bytes, state, revision, playback_id)
            SELECT id, %s, 'media/x', 1, 'READY', 4, playback_id
            FROM unnest(%s::uuid[], %s::text[]) AS made (id, playback_id)
            """,
            (author, [one for one, _ in ids], [playback_id for _, playback_id in ids]),
        )
    return [playback_id for _, playback_id in ids]


async def put_video(database: Database, author: UUID) -> UUID:
    (playback_id,) = await put_videos(database, author)
    return UUID(str((await found(database, playback_id)).id))


async def found(database: Database, playback_id: str, *, limit_seconds: float = 3600) -> Any:
    async with database.read() as work:
        return await videos.find_playback(work, playback_id, limit_seconds=limit_seconds)


async def playback_of(database: Database, video_id: UUID) -> str:
    async with database.read() as work:
        video = await videos.find(work, video_id)
    assert video is not None and video.playback_id is not None
    return video.playback_id


async def count(database: Database, what: str) -> int:
    async with database.read() as work:
        row = await work.one(f"SELECT count(*) AS n FROM {what}")
    assert row is not None
    return int(row["n"])


@pytest.fixture
def circles(video_database: Database) -> Circles[Video]:
    """Without a bus: events are handed over, the job is run by the test."""
    return Circles(video_database, PlaybackUrls(Purging()), settle_seconds=0)


async def hear(database: Database, circles: Circles[Video], *events: ProfileChangedV1 | RelationChangedV1) -> None:
    for event in events:
        async with database.work() as work:
            if isinstance(event, ProfileChangedV1):
                await circles.note_profile(event, work)
            else:
                await circles.note_relation(event, work)


async def test_when_an_account_turns_private_strangers_lose_the_stream(running: Any) -> None:
    author = running.person
    (known,) = await put_videos(running.database, author)
    url = f"/media/videos/{known}/master.m3u8"
    assert (await running.http.get(url)).status_code == 200
    await running.probe.publish(profile(author, 1, is_private=False))
    await running.probe.publish(profile(author, 2, is_private=True))

    told = await running.probe.wait_for(VideoChangedV1, lambda event: event.owner_id == author)

    assert told.revision == 5
    assert told.playback_id != known
    assert (await running.http.get(told.hls_url)).status_code == 200

    async def gone() -> bool:
        return int((await running.http.get(url)).status_code) == 404

    await eventually(gone)


async def test_a_follower_who_leaves_a_private_account_loses_the_stream(running: Any) -> None:
    author, follower = running.person, new_id()
    (known,) = await put_videos(running.database, author)
    async with running.database.work() as work:
        await work.execute("INSERT INTO account VALUES (%s, true, 1)", (author,))
    await running.probe.publish(relation(follower, author, 1, FollowState.FOLLOWING))
    await running.probe.publish(relation(follower, author, 2, FollowState.NONE))

    told = await running.probe.wait_for(VideoChangedV1, lambda event: event.owner_id == author)

    assert told.playback_id != known


async def test_what_strangers_may_see_keeps_its_url_when_a_follower_leaves(
    video_database: Database, circles: Circles[Video]
) -> None:
    author, follower = new_id(), new_id()
    public, limited = await put_video(video_database, author), await put_video(video_database, author)
    before = [await playback_of(video_database, one) for one in (public, limited)]
    audiences = Audiences(PlaybackUrls(Purging()), SHOWN)
    async with video_database.work() as work:
        await audiences.note_post(post_of(author, public, Visibility.PUBLIC), work)
        await audiences.note_post(post_of(author, limited, Visibility.FOLLOWERS), work)

    await hear(
        video_database,
        circles,
        profile(author, 1, is_private=False),
        relation(follower, author, 1, FollowState.FOLLOWING),
        relation(follower, author, 2, FollowState.NONE),
    )
    await circles.renew_urls(author)

    after = [await playback_of(video_database, one) for one in (public, limited)]
    assert after[0] == before[0]
    assert after[1] != before[1]


async def test_what_takes_nobody_anything_changes_nothing(video_database: Database, circles: Circles[Video]) -> None:
    author, stranger, follower = new_id(), new_id(), new_id()
    await put_videos(video_database, author)
    await hear(
        video_database,
        circles,
        relation(stranger, author, 1, FollowState.NONE, mutes=True),
        relation(stranger, author, 2, FollowState.REQUESTED),
        relation(stranger, author, 3, FollowState.NONE),
        relation(follower, author, 4, FollowState.FOLLOWING),
        relation(follower, author, 5, FollowState.FOLLOWING, mutes=True),
        relation(follower, author, 3, FollowState.NONE),
        relation(author, follower, 1, FollowState.NONE, blocks=True),
        profile(author, 1, is_private=False),
    )
    async with video_database.work() as work:
        await circles.forget_relation(stranger, author, work)

    assert await count(video_database, "narrowing") == 0
    assert await count(video_database, "job") == 0


@pytest.mark.parametrize("told_as_removed", [True, False])
async def test_a_follow_that_ends_without_a_word_is_an_end_too(
    video_database: Database, circles: Circles[Video], told_as_removed: bool
) -> None:
    author, follower = new_id(), new_id()
    await hear(video_database, circles, relation(follower, author, 1, FollowState.FOLLOWING))

    for _ in range(2):
        if told_as_removed:
            async with video_database.work() as work:
                await circles.forget_relation(follower, author, work)
        else:
            await hear(video_database, circles, relation(follower, author, 2, FollowState.NONE))

    assert await count(video_database, "narrowing WHERE NOT is_of_all") == 1
    assert await count(video_database, "follower") == 0


async def test_a_hundred_blocks_are_one_piece_of_work(video_database: Database, circles: Circles[Video]) -> None:
    author, followers = new_id(), [new_id() for _ in range(100)]
    video_id = await put_video(video_database, author)
    await hear(
        video_database,
        circles,
        profile(author, 1, is_private=True),
        *(relation(one, author, 1, FollowState.FOLLOWING) for one in followers),
        *(relation(one, author, 2, FollowState.NONE) for one in followers),
    )
    assert await count(video_database, f"job WHERE kind = '{RENEW_URLS}'") == 1

    await circles.renew_urls(author)
    await circles.renew_urls(author)

    assert await count(video_database, f"video WHERE id = '{video_id}' AND revision = 5") == 1
    assert await count(video_database, "narrowing") == 0


async def test_who_leaves_while_the_work_is_done_is_answered_by_another_round(
    video_database: Database, circles: Circles[Video], monkeypatch: pytest.MonkeyPatch
) -> None:
    author, late = new_id(), new_id()
    await put_videos(video_database, author, 3)
    await hear(
        video_database,
        circles,
        relation(late, author, 1, FollowState.FOLLOWING),
        profile(author, 1, is_private=True),
    )
    renew, renewed = PlaybackUrls.renew, list[UUID]()

    async def renew_and_lose(self: PlaybackUrls, work: Any, video: Any) -> None:
        await renew(self, work, video)
        renewed.append(video.id)
        if len(renewed) == 1:
            await hear(video_database, circles, relation(late, author, 2, FollowState.NONE))

    monkeypatch.setattr(PlaybackUrls, "renew", renew_and_lose)
    await circles.renew_urls(author)
    assert await count(video_database, "narrowing WHERE is_of_all") == 1

    await circles.renew_urls(author)

    assert renewed[3:] == renewed[:1]  # the other two were made after the loss
    assert await count(video_database, "narrowing") == 0


async def test_ten_thousand_videos_are_refused_in_time_and_replaced_in_batches(
    video_database: Database, circles: Circles[Video]
) -> None:
    author = new_id()
    known = await put_videos(video_database, author, 10_000)
    await hear(video_database, circles, profile(author, 1, is_private=True))
    assert await count(video_database, "outbox") == 0  # nothing of it in the handler's transaction

    assert await found(video_database, known[-1]) is not None
    assert await found(video_database, known[-1], limit_seconds=0) is None
    await circles.renew_urls(author)

    assert await count(video_database, "video WHERE revision = 5") == 10_000
    assert await count(video_database, "outbox") == 10_000
    async with video_database.read() as work:
        rows = await work.all("SELECT xmin, count(*) AS n FROM video GROUP BY 1")
    assert max(row["n"] for row in rows) == 100


async def test_what_is_new_since_the_loss_plays_whatever_the_limit(
    video_database: Database, circles: Circles[Video]
) -> None:
    author = new_id()
    await hear(video_database, circles, profile(author, 1, is_private=True))

    (later,) = await put_videos(video_database, author)

    assert await found(video_database, later, limit_seconds=0) is not None


async def test_of_an_erased_person_nothing_is_kept_nor_taken_in_again(running: Any) -> None:
    person, other = running.person, new_id()
    running_circles = running.video.circles
    events = (
        profile(person, 1, is_private=True),
        relation(other, person, 1, FollowState.FOLLOWING),
        relation(person, other, 1, FollowState.FOLLOWING),
    )
    await hear(running.database, running_circles, *events)
    async with running.database.work() as work:
        await running.video.videos.erase_person(UserErasedV1(user_id=person, erased_at=now()), work)
    await hear(running.database, running_circles, *events)

    for table in ("account", "follower", "narrowing"):
        assert await count(running.database, table) == 0, table


async def test_caches_forget_a_revoked_url_however_often_they_refuse(start: Any) -> None:
    async with cdn_stand_in() as cdn:
        cdn.statuses += [429, 500]
        async with start(cdn_purge_url=cdn.url + "/?prefix={prefix}", cdn_purge_token="t") as running:
            video_id = await put_video(running.database, running.person)
            known = await playback_of(running.database, video_id)
            await running.revoke(video_id)

            async def forgotten() -> bool:
                return len(cdn.asked) == 3 and await count(running.database, "job") == 0

            await eventually(forgotten)
            assert {one.target for one in cdn.asked} == {f"/?prefix=%2Fmedia%2Fvideos%2F{known}%2F"}
            assert {one.token for one in cdn.asked} == {"Bearer t"}


async def test_revoking_does_not_wait_for_caches(start: Any) -> None:
    async with start(cdn_purge_url="http://127.0.0.1:9/") as running:
        video_id = await put_video(running.database, running.person)
        known = await playback_of(running.database, video_id)
        async with running.database.work() as work:
            await running.video.videos.remove(video_id, work)

        assert await found(running.database, known) is None
        assert await count(running.database, f"job WHERE key = '/media/videos/{known}/'") == 1


async def test_a_video_that_nobody_could_watch_yet_is_no_news_for_caches(start: Any) -> None:
    async with start(cdn_purge_url="http://127.0.0.1:9/") as running:
        video_id = await put_video(running.database, running.person)
        async with running.database.work() as work:
            await work.execute("UPDATE video SET state = %s", (VideoState.PROCESSING.value,))
        await running.revoke(video_id)

        assert await count(running.database, "job") == 0
