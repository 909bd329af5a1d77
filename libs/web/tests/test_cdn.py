"""Purges as the caches in front of us see them."""

from typing import Any

import pytest

from daira_kit.settings import CdnSettings
from daira_stores.postgres import Database
from daira_testing.cdn import cdn_stand_in
from daira_web.cdn import PURGE, PurgeFailed, Purging, open_purging

PREFIX = "/media/videos/0123456789abcdef0123456789abcdef/"
ESCAPED = "%2Fmedia%2Fvideos%2F0123456789abcdef0123456789abcdef%2F"


def cached(url: str, **changes: Any) -> CdnSettings:
    return CdnSettings(
        postgres_dsn="", kafka_bootstrap="", cursor_secret="", root_public_key="", cdn_purge_url=url, **changes
    )


async def test_the_prefix_goes_escaped_into_the_address_and_as_it_is_into_the_body() -> None:
    async with (
        cdn_stand_in() as cdn,
        open_purging(
            cached(
                cdn.url + "/purge?what={prefix}", cdn_purge_token="secret", cdn_purge_body='{"prefixes": ["{prefix}"]}'
            )
        ) as purging,
    ):
        await purging.run(PREFIX)

        (asked,) = cdn.asked
        assert (asked.method, asked.target) == ("POST", f"/purge?what={ESCAPED}")
        assert asked.token == "Bearer secret"
        assert asked.body == '{"prefixes": ["' + PREFIX + '"]}'


@pytest.mark.parametrize("status", [429, 500, 503, 401, 302])
async def test_everything_but_success_is_a_failure_for_the_job_to_repeat(status: int) -> None:
    async with cdn_stand_in() as cdn, open_purging(cached(cdn.url)) as purging:
        cdn.statuses.append(status)

        with pytest.raises(PurgeFailed, match=str(status)):
            await purging.run(PREFIX)
        await purging.run(PREFIX)

        assert len(cdn.asked) == 2


async def test_an_endpoint_that_is_down_is_a_failure_for_the_job_to_repeat() -> None:
    async with cdn_stand_in() as cdn:
        url = cdn.url

    async with open_purging(cached(url)) as purging:
        with pytest.raises(PurgeFailed):
            await purging.run(PREFIX)


async def test_a_purge_waits_until_no_process_of_ours_answers_any_more(make_database: Any) -> None:
    database: Database = await make_database()
    async with (
        open_purging(cached("http://127.0.0.1:9"), after_seconds=10) as purging,
        database.work() as work,
    ):
        await purging.want(work, PREFIX)

    async with database.read() as work:
        row = await work.one("SELECT kind, key, due_at - clock_timestamp() AS wait FROM job")
    assert row is not None
    assert (row["kind"], row["key"]) == (PURGE, PREFIX)
    assert 5 < row["wait"].total_seconds() <= 12


async def test_without_an_endpoint_nothing_is_asked(make_database: Any) -> None:
    database: Database = await make_database()
    async with open_purging(cached("")) as purging:
        async with database.work() as work:
            await purging.want(work, PREFIX)
        await purging.run(PREFIX)
    await Purging().run(PREFIX)

    async with database.read() as work:
        assert await work.all("SELECT 1 FROM job") == []
