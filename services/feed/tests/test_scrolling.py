"""Scrolling while others post and remove: nothing twice, nothing skipped."""

import asyncio
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daira_devtools.stack import Endpoints
from daira_feed.domain.timeline import Entry, below, entry_of, merge, position_of, post_of
from daira_feed.repository import circles, keys
from daira_feed.repository.circles import Circles
from daira_feed.repository.timelines import Timelines, newer, read_newer
from daira_feed.repository.wire import Wire, open_wire, pack
from daira_feed.service.shelf import Shelf
from daira_kit.ids import new_id
from daira_kit.settings import environment

FRIEND, STAR = UUID(int=1).hex, UUID(int=2).hex
EXAMPLES = 2_000 if environment("SIZE") == "full" else 100

# A time in ms (few, so that many posts share one), whose post it is, and its id.
moments = st.integers(min_value=1, max_value=6)
posts = st.tuples(moments, st.sampled_from([FRIEND, STAR]), st.uuids(version=4).map(lambda value: value.hex))
steps = st.lists(
    st.one_of(
        st.tuples(st.just("read"), st.integers(min_value=1, max_value=4)),
        st.tuples(st.just("post"), posts),
        st.tuples(st.just("remove"), st.integers(min_value=0, max_value=30)),
    ),
    max_size=14,
)


class Scroller:
    """One reader, one author who is pushed and one who is pulled, on real sorted sets."""

    def __init__(self, wire: Wire) -> None:
        self.wire, self.reader, self.star = wire, new_id().hex, new_id().hex
        self.circles, self.timelines, self.shelf = Circles(wire, 60), Timelines(wire), Shelf()
        self.alive: set[Entry] = set()

    async def post(self, moment: int, author: str, post: str) -> Entry:
        entry = entry_of(moment, post, author)
        if author == FRIEND:
            await self.circles.add(self.reader, [entry])
        else:
            await self.timelines.add(self.star, [entry])
        self.alive.add(entry)
        return entry

    async def remove(self, entry: Entry) -> None:
        await self.circles.remove_entries(self.reader, [entry])
        await self.timelines.remove(self.star, entry)
        self.alive.discard(entry)

    async def page(self, position: Any, limit: int) -> list[Entry]:
        head = await self.circles.read_head(self.reader, position, limit + 1)
        entries, _ = newer(await self.wire.run(read_newer(self.star, None)))
        self.shelf.put(self.star, entries)
        return merge(below(head.entries, position), [self.shelf.cut(self.star, position, limit + 1)], limit)

    async def clear(self) -> None:
        await self.wire.run([pack("DEL", keys.circle(self.reader)), pack("DEL", keys.timeline(self.star))])


async def scroll(wire: Wire, start: list[Any], during: list[Any]) -> None:
    scroller = Scroller(wire)
    for post in start:
        await scroller.post(*post)
    there_all_the_time = set(scroller.alive)
    seen: list[Entry] = []
    position = None
    for step, value in [*during, *([("read", 3)] * 30)]:
        if step == "post":
            await scroller.post(*value)
        elif step == "remove" and scroller.alive:
            victim = sorted(scroller.alive)[value % len(scroller.alive)]
            await scroller.remove(victim)
            there_all_the_time.discard(victim)
        elif step == "read":
            page = await scroller.page(position, value)
            seen += page
            position = position_of(page[-1]) if page else position
    await scroller.clear()

    assert len(seen) == len(set(seen)), "an entry came twice"
    assert there_all_the_time <= set(seen), "an entry was skipped"
    assert [(at, post_of((at, member))) for at, member in seen] == sorted(
        [(at, post_of((at, member))) for at, member in seen], reverse=True
    ), "not newest first"


def check_many(url: str) -> None:
    """In a thread with a loop of its own: hypothesis calls plain functions."""
    with asyncio.Runner() as runner:
        opened = open_wire(url, scripts=circles.SCRIPTS)
        wire = runner.run(opened.__aenter__())

        @settings(max_examples=EXAMPLES, deadline=None)
        @given(st.lists(posts, max_size=20, unique_by=lambda post: post[2]), steps)
        def check(start: list[Any], during: list[Any]) -> None:
            runner.run(scroll(wire, start, during))

        try:
            check()
        finally:
            runner.run(opened.__aexit__(None, None, None))


# Other tasks of this process draw random numbers meanwhile; the strategies here do not.
@pytest.mark.filterwarnings("ignore:Do not use the `random` module")
@pytest.mark.sized(EXAMPLES)
@pytest.mark.parametrize("place", ["node", "cluster"])
async def test_scrolling_neither_repeats_nor_skips(stack: Endpoints, redis_url: str, place: str) -> None:
    url = redis_url if place == "node" else f"redis+cluster://{stack.cluster_nodes[0]}"

    await asyncio.to_thread(check_many, url)
