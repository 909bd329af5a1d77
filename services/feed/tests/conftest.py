"""A feed process under test, spoken to as clients and other services do: on one Valkey node and on a cluster."""

import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
from httpx import ASGITransport, AsyncClient

from daira_bus import topics as broker
from daira_bus.producer import open_producer
from daira_contracts.moderation import Decision, Reason, SubjectType, VerdictReachedV1
from daira_contracts.user import FollowState, ProfileChangedV1, ProfileState, RelationChangedV1
from daira_devtools.stack import Endpoints
from daira_feed.repository.cards import Cards
from daira_feed.repository.wire import Wire
from daira_feed.service import FeedService
from daira_feed.settings import Settings
from daira_feed.wiring import build
from daira_kit.clock import now
from daira_kit.ids import new_id
from daira_runtime import Process, open_process
from daira_stores.postgres import Database
from daira_testing.fixtures import empty_redis, fresh_databases
from daira_testing.tokens import TokenMint
from daira_testing.topics import TopicProbe
from daira_testing.waiting import eventually

CELEBRITY = 10
"""Followers from which an author is a celebrity in these tests."""
PAGE = 3
"""Followers a page: every fan-out here has several."""
MakeSettings = Callable[[Database], dict[str, Any]]


class FeedProcess:
    """Helpers are named for what happens elsewhere: `follow` is what user tells, `verdict` what moderation tells."""

    def __init__(
        self, process: Process, client: AsyncClient, mint: TokenMint, probe: TopicProbe, settings: Settings
    ) -> None:
        self.process, self.client, self.mint, self.probe, self.settings = process, client, mint, probe, settings
        self._revisions: dict[object, int] = {}

    @property
    def service(self) -> FeedService:
        target = self.process.parts.target
        assert isinstance(target, FeedService)
        return target

    @property
    def wire(self) -> Wire:
        """The connections of jobs."""
        return self.service.spreading._wire

    @property
    def read_wire(self) -> Wire:
        """The connections of reads."""
        return self.service.circle._circles.wire

    @property
    def cards(self) -> Cards:
        return self.service.spreading._cards

    async def person(self, handle: str = "", **profile: Any) -> UUID:
        user_id = new_id()
        await self.profile(user_id, handle or f"u{user_id.hex[-8:]}", **profile)
        await self.sql_until("SELECT 1 FROM profile WHERE user_id = %s", user_id)
        return user_id

    async def profile(self, user_id: UUID, handle: str, **profile: Any) -> None:
        fields = {"state": ProfileState.ACTIVE, "display_name": handle.title(), "created_at": now(), **profile}
        await self.probe.publish(
            ProfileChangedV1(user_id=user_id, handle=handle, revision=self.next_revision(user_id), **fields)
        )

    async def relate(self, actor: UUID, target: UUID, **held: Any) -> None:
        fields = {"follow": FollowState.NONE, **held}
        revision = self.next_revision((actor, target))
        await self.probe.publish(RelationChangedV1(actor_id=actor, target_id=target, revision=revision, **fields))
        await self.sql_until(
            "SELECT 1 FROM relation WHERE actor_id = %s AND target_id = %s AND revision >= %s", actor, target, revision
        )
        await self.settled()

    async def follow(self, actor: UUID, target: UUID) -> None:
        await self.relate(actor, target, follow=FollowState.FOLLOWING, followed_at=now())

    async def post(self, author: UUID, text: str, **fields: Any) -> dict[str, Any]:
        answer = await self.client.post("/v1/posts", json={"text": text, **fields}, headers=self.mint.headers(author))
        assert answer.status_code == 201, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def verdict(
        self, post_id: str, decision: Decision, subject_revision: int = 1, *, code: str | None = None
    ) -> None:
        revision = self.next_revision(post_id)
        await self.probe.publish(
            VerdictReachedV1(
                subject_type=SubjectType.POST,
                subject_id=post_id,
                subject_revision=subject_revision,
                decision=decision,
                reasons=(Reason(code=code, rule="test"),) if code else (),
                revision=revision,
            )
        )

    async def published(self, author: UUID, text: str, **fields: Any) -> str:
        post_id: str = (await self.post(author, text, **fields))["id"]
        await self.verdict(post_id, Decision.APPROVED)
        await self.sql_until("SELECT 1 FROM post WHERE id = %s AND state = 'PUBLISHED'", UUID(post_id))
        await self.settled()
        return post_id

    async def circle(self, reader: UUID, cursor: str | None = None, limit: int = 20, **headers: str) -> dict[str, Any]:
        query = {"limit": str(limit), **({"cursor": cursor} if cursor else {})}
        answer = await self.client.get(
            "/v1/feed/circle", params=query, headers={**self.mint.headers(reader), **headers}
        )
        assert answer.status_code == 200, answer.text
        page: dict[str, Any] = answer.json()
        return page

    async def circle_ids(self, reader: UUID, limit: int = 20) -> list[str]:
        """All of a Circle, page by page."""
        ids: list[str] = []
        cursor = None
        while True:
            page = await self.circle(reader, cursor, limit)
            ids += [item["post"]["id"] for item in page["items"]]
            cursor = page["nextCursor"]
            if cursor is None:
                return ids

    async def circle_with(self, reader: UUID, count: int) -> dict[str, Any] | None:
        page = await self.circle(reader)
        return page if len(page["items"]) == count else None

    async def read(self, reader: UUID, post_id: str, **headers: str) -> Any:
        return await self.client.get(f"/v1/posts/{post_id}", headers={**self.mint.headers(reader), **headers})

    async def settled(self) -> None:
        """Until no job that is due waits or runs."""
        await eventually(self._has_no_jobs)

    async def sql_until(self, statement: str, *parameters: Any) -> None:
        async def found() -> bool:
            return bool(await self.sql(statement, *parameters))

        await eventually(found)

    async def sql(self, statement: str, *parameters: Any) -> list[dict[str, Any]]:
        async with self.process.platform.database.work() as work:
            cursor = await work.connection.execute(statement, parameters)
            return await cursor.fetchall() if cursor.description else []

    def next_revision(self, key: object) -> int:
        self._revisions[key] = self._revisions.get(key, 0) + 1
        return self._revisions[key]

    async def _has_no_jobs(self) -> bool:
        return not await self.sql("SELECT 1 FROM job WHERE state = 'DUE' AND due_at <= clock_timestamp() LIMIT 1")


@asynccontextmanager
async def open_feed(
    common: dict[str, Any], redis_url: str, mint: TokenMint, probe: TopicProbe, **fields: Any
) -> AsyncIterator[FeedProcess]:
    """All roles in one process; `fields` are settings."""
    settings = Settings(
        **common,
        redis_url=redis_url,
        posts_limit="100000/minute",
        celebrity_followers=CELEBRITY,
        fan_out_page=PAGE,
        **fields,
    )
    async with open_process("feed", settings, build) as process:
        process.platform.verifier.put_key(mint.event)
        transport = ASGITransport(process.app)  # type: ignore[arg-type]
        async with AsyncClient(transport=transport, base_url="http://feed.test") as client:
            yield FeedProcess(process, client, mint, probe, settings)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def node_feed(
    stack: Endpoints, common_settings: MakeSettings, object_settings: dict[str, str], mint: TokenMint, probe: TopicProbe
) -> AsyncIterator[FeedProcess]:
    """All roles in one process, on one Valkey node."""
    async with (
        fresh_databases(stack) as make,
        empty_redis(stack) as redis_url,
        open_feed({**common_settings(await make("feed")), **object_settings}, redis_url, mint, probe) as feed,
    ):
        yield feed


OpenFeed = Callable[..., AbstractAsyncContextManager[FeedProcess]]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def open_own_feed(
    stack: Endpoints, common_settings: MakeSettings, object_settings: dict[str, str], mint: TokenMint
) -> OpenFeed:
    """`async with open_own_feed(redis_url, **settings)`: with topics of its own, for two feeds in one group would
    share the records."""

    @asynccontextmanager
    async def opened(redis_url: str, **fields: Any) -> AsyncIterator[FeedProcess]:
        prefix = f"t{secrets.token_hex(4)}."
        await broker.apply(stack.kafka_bootstrap, prefix)
        async with (
            open_producer(stack.kafka_bootstrap, "test", prefix) as producer,
            fresh_databases(stack) as make,
        ):
            probe = TopicProbe(stack.kafka_bootstrap, prefix, producer)
            common = {**common_settings(await make("feed")), **object_settings, "topic_prefix": prefix}
            async with open_feed(common, redis_url, mint, probe, **fields) as feed:
                yield feed
        await broker.remove_all(stack.kafka_bootstrap, prefix)

    return opened


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def cluster_feed(stack: Endpoints, open_own_feed: OpenFeed) -> AsyncIterator[FeedProcess]:
    """All roles in one process, on a cluster of three."""
    async with open_own_feed(f"redis+cluster://{stack.cluster_nodes[0]}") as feed:
        yield feed


@pytest.fixture
def feed(node_feed: FeedProcess) -> FeedProcess:
    """For what does not depend on where Redis keeps its keys."""
    return node_feed


@pytest.fixture(params=["node", "cluster"])
def any_feed(request: pytest.FixtureRequest) -> FeedProcess:
    """For everything that touches Redis: once on each."""
    found: FeedProcess = request.getfixturevalue(f"{request.param}_feed")
    return found
