"""Random lives of five people against a model: whatever happened in whatever order, Circle is what it should be."""

import random
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any
from uuid import UUID

import msgspec
import pytest

from daira_bus.jobs import Job
from daira_contracts.moderation import Decision, SubjectType, VerdictReachedV1
from daira_contracts.user import FollowState, RelationChangedV1
from daira_devtools.stack import Endpoints
from daira_feed.errors import PostNotEditable
from daira_feed.jobs import JOBS
from daira_feed.repository import keys
from daira_feed.repository.wire import open_wire, pack
from daira_feed.schemas import PostCreate, PostPatch
from daira_feed.service import FeedService, shelf
from daira_feed.service.circle import Hints
from daira_feed.settings import Settings
from daira_feed.wiring import SCRIPTS, assemble
from daira_kit.clock import now
from daira_kit.ids import new_id
from daira_kit.settings import environment
from daira_stores.postgres import Database
from daira_testing.fixtures import MakeDatabase

SEEDS = range(200) if environment("SIZE") == "full" else range(4)
STEPS = 40
PEOPLE = 5
CELEBRITY = 2
"""Followers from which an author is a celebrity: here nearly everybody is one now and then."""


class World:
    """What is true, kept twice: by feed and by plain sets."""

    def __init__(self, database: Database, service: FeedService, dice: random.Random) -> None:
        self.database, self.service, self.dice = database, service, dice
        self.people = [new_id() for _ in range(PEOPLE)]
        self.held: dict[tuple[UUID, UUID], dict[str, Any]] = {}
        self.revisions: dict[object, int] = {}
        self.posts: dict[UUID, UUID] = {}
        self.shown: set[UUID] = set()

    async def step(self) -> None:
        actor, target = self.dice.sample(self.people, 2)
        match self.dice.choice(["follow", "follow", "unfollow", "block", "mute", "post", "post", "verdict", "remove"]):
            case "follow":
                await self.relate(actor, target, follow=FollowState.FOLLOWING)
            case "unfollow":
                await self.relate(actor, target, follow=FollowState.NONE)
            case "block":
                await self.relate(actor, target, blocks=self.dice.random() < 0.5)
            case "mute":
                await self.relate(actor, target, mutes=self.dice.random() < 0.5)
            case "post":
                await self.post(actor)
            case "verdict" if self.posts:
                await self.judge(self.dice.choice(list(self.posts)), self.dice.choice([True, False]))
            case "remove" if self.posts:
                await self.remove(self.dice.choice(list(self.posts)))
        if self.dice.random() < 0.7:
            await self.run_jobs()
        if self.dice.random() < 0.3:
            await self.read(actor)

    async def relate(self, actor: UUID, target: UUID, **change: Any) -> None:
        held = self.held.setdefault((actor, target), {"follow": FollowState.NONE, "blocks": False, "mutes": False})
        held.update(change)
        event = RelationChangedV1(
            actor_id=actor, target_id=target, revision=self.next_revision((actor, target)), **held
        )
        async with self.database.work() as work:
            await self.service.people.remember_relation(work, event)

    async def post(self, author: UUID) -> None:
        view = await self.service.posts.create(author, PostCreate(text="hello"), None)
        self.posts[view.id] = author
        await self.judge(view.id, True)
        if self.dice.random() < 0.2:
            with suppress(PostNotEditable):
                await self.service.posts.edit(view.id, author, PostPatch(text="edited"), None)

    async def judge(self, post_id: UUID, approves: bool) -> None:
        event = VerdictReachedV1(
            subject_type=SubjectType.POST,
            subject_id=str(post_id),
            subject_revision=1,
            decision=Decision.APPROVED if approves else Decision.REJECTED,
            revision=self.next_revision(post_id),
        )
        async with self.database.work() as work:
            await self.service.judging.apply_verdict(work, event)
        (self.shown.add if approves else self.shown.discard)(post_id)

    async def remove(self, post_id: UUID) -> None:
        await self.service.posts.remove(post_id, self.posts.pop(post_id))
        self.shown.discard(post_id)

    async def run_jobs(self) -> None:
        """All that are due, in any order, some of them twice."""
        handlers = {kind.kind: kind.handler for kind in JOBS}
        while True:
            async with self.database.work() as work:
                rows = await work.all("DELETE FROM job WHERE due_at <= clock_timestamp() RETURNING kind, key, due_at")
            if not rows:
                return
            self.dice.shuffle(rows)
            for row in rows:
                claimed = Job(**row, payload=None, attempts=1, traceparent=None)
                for _ in range(self.dice.choice([1, 1, 2])):
                    await handlers[claimed.kind](claimed, self.service)

    async def read(self, reader: UUID) -> list[str]:
        for row in self.service.circle._shelf._rows.values():
            row.asked_at -= shelf.FRESH_SECONDS * 2
        ids: list[str] = []
        cursor = None
        while True:
            answer = await self.service.circle.read(reader, cursor, 3, Hints())
            page = msgspec.json.decode(answer.body)
            ids += [item["post"]["id"] for item in page["items"]]
            cursor = page["nextCursor"]
            if cursor is None:
                return ids

    async def expected(self, reader: UUID) -> list[str]:
        async with self.database.read() as work:
            rows = await work.all("SELECT id, author_id FROM post ORDER BY published_at DESC, id DESC")
        return [str(row["id"]) for row in rows if row["id"] in self.shown and self.may_read(reader, row["author_id"])]

    def may_read(self, reader: UUID, author: UUID) -> bool:
        mine, theirs = self.held.get((reader, author), {}), self.held.get((author, reader), {})
        follows = mine.get("follow") is FollowState.FOLLOWING
        return follows and not (mine["blocks"] or mine["mutes"] or theirs.get("blocks"))

    async def lose(self, reader: UUID) -> None:
        names = (keys.circle(reader.hex), keys.reader_state(reader.hex), keys.stars(reader.hex))
        await self.service.spreading._wire.run([pack("DEL", name) for name in names])

    def next_revision(self, key: object) -> int:
        self.revisions[key] = self.revisions.get(key, 0) + 1
        return self.revisions[key]


@pytest.fixture(params=["node", "cluster"])
async def make_world(
    request: pytest.FixtureRequest,
    make_database: MakeDatabase,
    common_settings: Any,
    object_settings: Any,
    redis_url: str,
    stack: Endpoints,
) -> AsyncIterator[Any]:
    database = await make_database("feed")
    url = redis_url if request.param == "node" else f"redis+cluster://{stack.cluster_nodes[0]}"
    settings = Settings(
        **common_settings(database), **object_settings, redis_url=url, celebrity_followers=CELEBRITY, fan_out_page=2
    )
    async with open_wire(url, scripts=SCRIPTS) as reading, open_wire(url, scripts=SCRIPTS) as writing:
        yield lambda seed: World(database, assemble(settings, database, reading, writing), random.Random(seed))


@pytest.mark.sized
@pytest.mark.parametrize("seed", SEEDS)
async def test_circle_is_what_the_model_says(make_world: Any, seed: int) -> None:
    world: World = make_world(seed)
    for _ in range(STEPS):
        await world.step()
    await world.run_jobs()

    for reader in world.people:
        assert await world.read(reader) == await world.expected(reader), f"seed {seed} at {now()}"
        await world.lose(reader)
        assert await world.read(reader) == await world.expected(reader), f"seed {seed}, rebuilt"
