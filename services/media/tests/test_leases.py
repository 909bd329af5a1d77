"""Who may write to an upload: the database's clock and the fence decide."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import UUID

import pytest

from daira_media.domain.parts import NUMBERS_SKIPPED
from daira_media.domain.uploads import Part, Progress, Upload, UploadState
from daira_media.errors import UploadBusy
from daira_media.repository import uploads
from daira_media.service.holding import Holding
from daira_media.service.policy import UploadPolicy
from daira_testing.waiting import eventually

MIB = 1024 * 1024
SHORT = UploadPolicy(lease_seconds=0.0)


def progress(upload: Upload, size: int) -> Progress:
    """One part more."""
    return Progress(
        offset=upload.offset + size,
        parts=(Part(upload.next_part, "etag", size),),
        next_part=upload.next_part + 1,
        multipart_id="multipart",
        tail=None,
        head=b"",
        purpose=None,
        content_type=None,
    )


@pytest.fixture
async def hold(running: Any) -> AsyncIterator[Callable[[UploadPolicy], Awaitable[Holding]]]:
    path = await running.created(100 * MIB)
    upload_id = UUID(path.rpartition("/")[2])

    async def take(policy: UploadPolicy) -> Holding:
        async with running.database.work() as work:
            found = await uploads.lock(work, upload_id)
            assert found is not None
            held = await uploads.acquire(
                work, found.upload, 100 * MIB, lease_seconds=policy.lease_seconds, kept_seconds=60
            )
        if held is None:
            raise UploadBusy
        return Holding(held, running.database, running.media.uploads._store, policy)

    yield take


async def test_a_living_lease_is_not_taken(hold: Any) -> None:
    await hold(UploadPolicy())

    with pytest.raises(UploadBusy):
        await hold(UploadPolicy())


async def test_a_lease_that_was_given_back_is_free_and_skips_no_number(hold: Any) -> None:
    first = await hold(UploadPolicy())
    await first.let_go()

    second = await hold(UploadPolicy())

    assert second.upload.next_part == first.upload.next_part


async def test_a_replaced_holder_commits_nothing(hold: Any, running: Any) -> None:
    old = await hold(SHORT)
    new = await hold(UploadPolicy())

    with pytest.raises(UploadBusy):
        await old.commit(progress(old.upload, 8 * MIB))

    async with running.database.read() as work:
        found = await uploads.find(work, new.upload.id)
        assert found is not None
        assert found.offset == 0
        assert await uploads.parts(work, new.upload.id) == []


async def test_a_replaced_holder_notices_before_it_takes_more_bytes(hold: Any) -> None:
    old = await hold(SHORT)
    await hold(UploadPolicy())

    with pytest.raises(UploadBusy):
        await old.hold()


async def test_a_replaced_holder_cannot_give_the_lease_of_another_back(hold: Any) -> None:
    old = await hold(SHORT)
    await hold(UploadPolicy())

    await old.let_go()

    with pytest.raises(UploadBusy):
        await hold(UploadPolicy())


async def test_parts_on_their_way_from_a_silent_holder_replace_none_of_ours(hold: Any) -> None:
    old = await hold(SHORT)
    new = await hold(UploadPolicy())

    assert new.upload.next_part == old.upload.next_part + NUMBERS_SKIPPED


async def test_a_holder_whose_lease_ran_out_goes_on_if_nobody_came(hold: Any) -> None:
    holding = await hold(SHORT)

    await holding.commit(progress(holding.upload, 8 * MIB))
    await holding.commit(progress(holding.upload, 8 * MIB))

    assert holding.upload.offset == 16 * MIB


async def test_a_lease_is_kept_through_a_step_that_cannot_stop(hold: Any, running: Any) -> None:
    holding = await hold(UploadPolicy(lease_seconds=0.9))

    async def leased_until() -> Any:
        async with running.database.read() as work:
            row = await work.one("SELECT leased_until FROM upload WHERE id = %s", (holding.upload.id,))
        return row["leased_until"]

    before = await leased_until()

    async def is_renewed() -> bool:
        return bool(await leased_until() > before)

    async with holding.kept():
        assert await eventually(is_renewed)


async def test_a_replaced_holder_ends_nothing(hold: Any, running: Any) -> None:
    old = await hold(SHORT)
    new = await hold(UploadPolicy())

    with pytest.raises(UploadBusy):
        await old.discard()

    async with running.database.read() as work:
        found = await uploads.find(work, new.upload.id)
    assert found is not None
    assert found.state is UploadState.OPEN
