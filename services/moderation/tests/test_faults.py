"""With a dependency down: nothing lost. And the shape of the database."""

from importlib.resources import files

from msgspec.structs import replace

from daira_contracts.feed import PostChangedV1, PostState
from daira_contracts.moderation import Decision, VerdictReachedV1
from daira_kit.clock import now
from daira_kit.ids import new_id
from daira_moderation.settings import Settings
from daira_moderation.wiring import build
from daira_runtime import Role, open_process
from daira_stores.migrate import Migration, apply
from daira_testing.fixtures import MakeDatabase
from daira_testing.http import calling
from daira_testing.schema import describe_schema
from daira_testing.tokens import TokenMint
from daira_testing.topics import TopicProbe

NOWHERE = "127.0.0.1:1"


async def verdict_on(probe: TopicProbe, post: PostChangedV1) -> None:
    verdict = await probe.wait_for(VerdictReachedV1, lambda event: event.subject_id == str(post.post_id))
    assert verdict.decision is Decision.APPROVED


async def test_what_was_published_while_moderation_was_away_is_judged_when_it_comes_back(
    settings: Settings, probe: TopicProbe
) -> None:
    posts = [
        PostChangedV1(
            post_id=new_id(),
            author_id=new_id(),
            state=PostState.PROCESSING,
            content_revision=1,
            text="صباح الخير",
            created_at=now(),
        )
        for _ in range(20)
    ]
    await probe.publish(*posts[:10])
    async with open_process("moderation", settings, build, Role.WORKER):
        await probe.publish(*posts[10:])
    async with open_process("moderation", settings, build):
        for post in posts:
            await verdict_on(probe, post)
    subjects = [event.subject_id for event in await probe.events(VerdictReachedV1)]
    assert all(subjects.count(str(post.post_id)) == 1 for post in posts)


async def test_without_postgresql_staff_hear_503_and_the_process_lives(settings: Settings, mint: TokenMint) -> None:
    dead = replace(settings, postgres_dsn=f"postgresql://daira@{NOWHERE}/none")
    async with open_process("moderation", dead, build, Role.HTTP) as process:
        process.platform.verifier.put_key(mint.event)
        async with calling(process.app) as client:
            answer = await client.get("/v1/moderation/cases", headers=mint.headers(new_id(), roles=["staff"]))
            assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
            assert (await client.get("/readyz")).status_code == 503
            assert (await client.get("/livez")).status_code == 200


async def test_all_migrations_together_are_schema_sql(make_database: MakeDatabase) -> None:
    migrated, declared = await make_database("moderation"), await make_database()
    text = (files("daira_moderation") / "migrations" / "schema.sql").read_text()
    await apply(declared.dsn, [Migration(component="moderation", name="schema.sql", text=text)])
    assert await describe_schema(migrated.dsn) == await describe_schema(declared.dsn)
