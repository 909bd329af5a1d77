"""Upload-Concat: final with an Idempotency-Key: however often it is asked for, parts become one upload."""

import os
from typing import Any
from uuid import UUID

import pytest

from daira_media.domain import keys

MIB = 1024 * 1024
MP4 = b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom"
TUS = {"Tus-Resumable": "1.0.0"}


async def partial(running: Any, data: bytes) -> str:
    path = str(await running.created(len(data), Upload_Concat="partial"))
    assert (await running.patch(path, 0, data)).status_code == 204
    return path


async def join(running: Any, paths: list[str], key: str) -> Any:
    headers = running.auth() | TUS | {"Upload-Concat": "final;" + " ".join(paths), "Idempotency-Key": key}
    return await running.http.post("/v1/uploads", headers=headers)


async def finals(running: Any) -> list[Any]:
    async with running.database.read() as work:
        found = await work.all(
            "SELECT id, state FROM upload WHERE owner_id = %s AND concat IS NOT NULL", (running.person,)
        )
    return list(found)


async def test_a_repeated_join_is_answered_as_the_first_one_was_though_its_parts_are_gone(running: Any) -> None:
    data = MP4 + os.urandom(7 * MIB)
    paths = [await partial(running, data[: 6 * MIB]), await partial(running, data[6 * MIB :])]

    first = await join(running, paths, "k1")
    for path in paths:
        assert (await running.http.delete(path, headers=TUS | running.auth())).status_code == 204
    second = await join(running, paths, "k1")
    other = await join(running, paths[:1], "k1")

    assert (first.status_code, second.status_code, other.status_code) == (201, 201, 422)
    for name in ("location", "upload-media-id", "upload-offset"):
        assert first.headers[name] == second.headers[name]
    assert "idempotent-replayed" not in first.headers
    assert second.headers["idempotent-replayed"] == "true"
    assert len(await finals(running)) == 1
    assert await running.stored(first.headers["location"]) == data


async def test_a_join_that_died_goes_on(running: Any) -> None:
    data = MP4 + os.urandom(20 * MIB)
    paths = [await partial(running, data[: 17 * MIB]), await partial(running, data[17 * MIB :])]
    store = running.media.uploads._store
    lost = keys.original_key(running.person, UUID(paths[1].rpartition("/")[2]))

    await store.delete(lost)
    assert (await join(running, paths, "k1")).status_code == 500
    [died] = await finals(running)
    await store.put_bytes(lost, data[17 * MIB :], "application/octet-stream")
    again = await join(running, paths, "k1")

    assert died["state"] == "OPEN"
    assert (again.status_code, again.headers["upload-media-id"]) == (201, str(died["id"]))
    assert len(await finals(running)) == 1
    assert await running.stored(again.headers["location"]) == data


async def test_a_join_under_way_is_waited_for(running: Any) -> None:
    path = await partial(running, MP4 + os.urandom(MIB))
    await running.media.uploads._store.delete(keys.original_key(running.person, UUID(path.rpartition("/")[2])))
    assert (await join(running, [path], "k1")).status_code == 500
    async with running.database.work() as work:
        await work.execute(
            "UPDATE upload SET leased_until = clock_timestamp() + interval '1 minute' "
            "WHERE owner_id = %s AND concat IS NOT NULL",
            (running.person,),
        )

    answer = await join(running, [path], "k1")

    assert (answer.status_code, answer.headers["retry-after"]) == (423, "1")


@pytest.mark.parametrize("key", ["", "k" * 256])
async def test_a_key_that_is_none_is_refused(running: Any, key: str) -> None:
    created = await running.create(10, Idempotency_Key=key)
    joined = await join(running, ["/v1/uploads/any"], key)

    for answer in (created, joined):
        assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key_invalid")
