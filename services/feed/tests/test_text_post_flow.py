"""From a text post to a follower's Circle, over real Kafka, PostgreSQL and Valkey."""

from typing import Any

from daira_contracts.feed import PostChangedV1, PostState
from daira_contracts.moderation import Decision
from daira_kit.ids import new_id
from daira_testing.waiting import eventually


async def test_an_approved_text_post_reaches_the_followers_circle(any_feed: Any) -> None:
    author, follower = await any_feed.person("karim"), await any_feed.person("mona")
    await any_feed.follow(follower, author)
    assert (await any_feed.circle(follower))["items"] == []

    post = await any_feed.post(author, "مساء الخير يا #القاهرة")
    assert post["state"] == "PROCESSING"
    await any_feed.probe.wait_for(PostChangedV1, lambda event: str(event.post_id) == post["id"])
    await any_feed.verdict(post["id"], Decision.APPROVED)

    page = await eventually(lambda: any_feed.circle_with(follower, 1))
    (item,) = page["items"]
    assert item["post"]["id"] == post["id"]
    assert item["post"]["hashtags"] == ["القاهرة"]
    assert item["author"]["handle"] == "karim"
    assert item["counts"] == {"likes": 0, "comments": 0, "shares": 0, "views": 0}
    assert item["viewer"] == {"reaction": None, "following": True}
    assert page["followingCount"] == 1
    assert page["hasMore"] is False
    told = await any_feed.probe.wait_for(
        PostChangedV1, lambda event: str(event.post_id) == post["id"] and event.state is PostState.PUBLISHED
    )
    assert told.approved_revision == 1


async def test_a_strangers_post_never_enters_circle(any_feed: Any) -> None:
    stranger, reader, friend = await any_feed.person(), await any_feed.person(), await any_feed.person()
    await any_feed.follow(reader, friend)
    await any_feed.published(stranger, "not for you")
    wanted = await any_feed.published(friend, "for you")

    page = await eventually(lambda: any_feed.circle_with(reader, 1))

    assert [item["post"]["id"] for item in page["items"]] == [wanted]


async def test_nobody_reads_circle_without_a_token(any_feed: Any) -> None:
    answer = await any_feed.client.get("/v1/feed/circle")

    assert answer.status_code == 401
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert (await any_feed.client.get("/v1/feed/circle", headers=any_feed.mint.headers(new_id()))).status_code == 200
