import asyncio
import os
from base64 import b64encode
from collections.abc import AsyncIterator
from hashlib import sha1, sha256
from typing import Any

import pytest

from daira_contracts.media import AssetChangedV1, AssetKind, AssetState
from daira_kit.ids import new_id

MIB = 1024 * 1024
MP4 = b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom"


def movie(size: int) -> bytes:
    """Bytes that begin like an mp4."""
    return (MP4 + os.urandom(size))[:size]


def metadata(**pairs: str) -> str:
    return ",".join(f"{key} {b64encode(value.encode()).decode()}" for key, value in pairs.items())


async def test_nobody_uploads_without_a_token(running: Any) -> None:
    answer = await running.http.post("/v1/uploads", headers={"Tus-Resumable": "1.0.0", "Upload-Length": "5"})

    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["tus-resumable"] == "1.0.0"


async def test_options_tells_all_extensions(running: Any) -> None:
    answer = await running.http.options("/v1/uploads")

    assert answer.status_code == 204
    assert answer.headers["tus-version"] == "1.0.0"
    assert answer.headers["tus-checksum-algorithm"] == "sha1,sha256"
    assert set(answer.headers["tus-extension"].split(",")) >= {"creation", "expiration", "concatenation", "checksum"}


@pytest.mark.parametrize("size", [100, 5 * MIB, 14 * MIB + 17])
async def test_an_upload_in_one_request_is_stored_and_told(running: Any, probe: Any, size: Any) -> None:
    data = movie(size)
    path = await running.created(size, Upload_Metadata=metadata(filename="a.mp4", purpose="VIDEO"))

    answer = await running.patch(path, 0, data)

    assert answer.status_code == 204, answer.text
    assert answer.headers["upload-offset"] == str(size)
    assert await running.stored(path) == data
    event = await probe.wait_for(AssetChangedV1, lambda event: str(event.media_id) in path)
    assert (event.kind, event.state, event.size_bytes) == (AssetKind.VIDEO, AssetState.UPLOADED, size)
    seen = await running.http.get(f"/v1/media/{event.media_id}", headers=running.auth())
    assert seen.json()["state"] == "UPLOADED"
    assert seen.headers["retry-after"] == "2"


async def test_an_upload_in_uneven_pieces_is_the_same_file(running: Any) -> None:
    data = movie(20 * MIB)
    path = await running.created(len(data))
    offset = 0

    for size in (1, 300, 2 * MIB, 5 * MIB, 4 * MIB + 3, 9 * MIB):
        piece = data[offset : offset + size]
        answer = await running.patch(path, offset, piece)
        assert answer.status_code == 204, answer.text
        offset += len(piece)
        assert await running.offset(path) == offset

    assert await running.stored(path) == data


async def test_creation_may_bring_the_first_bytes(running: Any) -> None:
    data = movie(1000)
    answer = await running.http.post(
        "/v1/uploads",
        headers=running.auth()
        | {"Tus-Resumable": "1.0.0", "Upload-Length": "1000", "Content-Type": "application/offset+octet-stream"},
        content=data[:600],
    )

    assert (answer.status_code, answer.content) == (201, b"")
    assert answer.headers["upload-offset"] == "600"
    assert answer.headers["upload-media-id"] in answer.headers["location"]
    path = answer.headers["location"].removeprefix(running.url)
    assert (await running.patch(path, 600, data[600:])).status_code == 204
    assert await running.stored(path) == data


async def test_a_deferred_length_is_declared_later(running: Any) -> None:
    data = movie(7 * MIB)
    path = await running.created(None)

    assert (await running.head(path)).headers["upload-defer-length"] == "1"
    assert (await running.patch(path, 0, data)).status_code == 204
    assert (await running.patch(path, len(data), b"", Upload_Length=str(len(data)))).status_code == 204

    assert (await running.head(path)).headers["upload-length"] == str(len(data))
    assert await running.stored(path) == data


@pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
async def test_a_wrong_checksum_discards_the_chunk(running: Any, algorithm: Any) -> None:
    data = movie(20 * MIB)
    digest = {"sha1": sha1, "sha256": sha256}[algorithm](data).digest()
    path = await running.created(len(data))
    checksum = f"{algorithm} {b64encode(digest).decode()}"

    wrong = await running.patch(path, 0, data[:-1] + b"x", Upload_Checksum=checksum)
    assert wrong.status_code == 460
    assert wrong.json()["code"] == "checksum_mismatch"
    assert await running.offset(path) == 0

    right = await running.patch(path, 0, data, Upload_Checksum=checksum)
    assert right.status_code == 204
    assert await running.stored(path) == data


async def test_an_unknown_checksum_algorithm_is_refused(running: Any) -> None:
    path = await running.created(10)

    assert (await running.patch(path, 0, b"1234567890", Upload_Checksum="md5 abcd")).status_code == 400
    assert await running.offset(path) == 0


async def test_partial_uploads_are_joined(running: Any) -> None:
    data = movie(13 * MIB)
    cuts = [(0, 6 * MIB), (6 * MIB, 7 * MIB), (7 * MIB, 13 * MIB)]
    urls = []
    for start, end in cuts:
        path = await running.created(end - start, Upload_Concat="partial")
        assert (await running.patch(path, 0, data[start:end])).status_code == 204
        urls.append(path)

    final = await running.http.post(
        "/v1/uploads",
        headers=running.auth()
        | {"Tus-Resumable": "1.0.0", "Upload-Concat": "final;" + " ".join(running.url + url for url in urls)},
    )

    assert final.status_code == 201, final.text
    path = final.headers["location"].removeprefix(running.url)
    assert await running.stored(path) == data
    assert (await running.head(path)).headers["upload-concat"].startswith("final;")
    assert (await running.patch(path, 0, b"x")).status_code == 403
    assert (
        await running.http.get(f"/v1/media/{urls[0].rpartition('/')[2]}", headers=running.auth())
    ).status_code == 404


async def test_foreign_parts_cannot_be_joined(running: Any) -> None:
    owner, running.person = running.person, new_id()
    answer = await running.create(4, Upload_Concat="partial")
    assert (await running.patch(answer.headers["location"], 0, b"1234")).status_code == 204
    running.person = owner

    final = await running.http.post(
        "/v1/uploads",
        headers=running.auth() | {"Tus-Resumable": "1.0.0", "Upload-Concat": "final;" + answer.headers["location"]},
    )

    assert final.status_code == 400
    assert final.json()["code"] == "upload_parts_not_joinable"


async def test_a_foreign_upload_is_not_found(running: Any) -> None:
    path = await running.created(10)

    assert (await running.head(path, person=new_id())).status_code == 404
    assert (await running.head(f"/v1/uploads/{new_id()}")).status_code == 404


async def test_a_wrong_offset_is_refused_and_the_right_one_told(running: Any) -> None:
    path = await running.created(10)

    answer = await running.patch(path, 4, b"abc")

    assert answer.status_code == 409
    assert answer.headers["upload-offset"] == "0"


async def test_another_version_of_tus_is_refused(running: Any) -> None:
    answer = await running.http.head("/v1/uploads/" + str(new_id()), headers=running.auth() | {"Tus-Resumable": "0.2"})

    assert answer.status_code == 412
    assert answer.headers["tus-version"] == "1.0.0"


async def test_what_is_too_large_is_refused_before_a_byte_is_stored(running: Any) -> None:
    answer = await running.create(11 * MIB, Upload_Metadata=metadata(purpose="AVATAR"))

    assert answer.status_code == 413
    assert answer.json()["code"] == "upload_too_large"


async def test_a_body_longer_than_declared_is_refused(running: Any) -> None:
    path = await running.created(10)

    assert (await running.patch(path, 0, b"12345678901")).status_code == 413
    assert await running.offset(path) == 0


async def test_an_endless_body_is_refused_at_the_declared_length(running: Any) -> None:
    path = await running.created(6 * MIB)

    async def endless() -> AsyncIterator[bytes]:
        yield movie(MIB)
        for _ in range(20):
            yield os.urandom(MIB)

    answer = await running.patch(path, 0, endless())

    assert answer.status_code == 413
    assert await running.offset(path) <= 6 * MIB


async def test_junk_is_refused_by_content_whatever_it_is_called(running: Any) -> None:
    path = await running.created(1000, Upload_Metadata=metadata(filename="a.mp4", filetype="video/mp4"))

    answer = await running.patch(path, 0, b"#EXTM3U\n" + b"x" * 992)

    assert answer.status_code == 415
    assert answer.json()["code"] == "media_type_not_accepted"
    assert (await running.head(path)).status_code == 410


async def test_a_video_is_no_avatar(running: Any) -> None:
    path = await running.created(1000, Upload_Metadata=metadata(purpose="AVATAR"))

    assert (await running.patch(path, 0, movie(1000))).status_code == 415


async def test_a_terminated_upload_is_gone(running: Any) -> None:
    path = await running.created(10 * MIB)
    await running.patch(path, 0, movie(6 * MIB))

    assert (await running.http.delete(path, headers={"Tus-Resumable": "1.0.0"} | running.auth())).status_code == 204

    assert (await running.head(path)).status_code == 410
    assert (await running.patch(path, 6 * MIB, b"x")).status_code == 410


async def test_clients_without_patch_say_so_in_a_header(running: Any) -> None:
    path = await running.created(100)

    answer = await running.http.post(
        path,
        headers=running.auth()
        | {
            "Tus-Resumable": "1.0.0",
            "X-HTTP-Method-Override": "PATCH",
            "Upload-Offset": "0",
            "Content-Type": "application/offset+octet-stream",
        },
        content=movie(100),
    )

    assert answer.status_code == 204
    assert await running.offset(path) == 100


async def test_creating_twice_with_one_key_makes_one_upload(running: Any) -> None:
    first = await running.create(10, Idempotency_Key="k1")
    second = await running.create(10, Idempotency_Key="k1")
    other = await running.create(11, Idempotency_Key="k1")

    assert first.headers["location"] == second.headers["location"]
    assert second.headers["idempotent-replayed"] == "true"
    assert other.status_code == 422


async def test_location_is_what_the_proxy_was_called_by(running: Any) -> None:
    answer = await running.create(10, X_Forwarded_Proto="https", X_Forwarded_Host="api.example.com")

    assert answer.headers["location"].startswith("https://api.example.com/v1/uploads/")


async def test_metadata_comes_back_as_it_was_sent(running: Any) -> None:
    sent = metadata(filename="فيديو.mp4", purpose="VIDEO")
    path = await running.created(10, Upload_Metadata=sent)

    assert (await running.head(path)).headers["upload-metadata"] == sent


async def test_the_quota_counts_parts_that_wait_for_their_concatenation(start: Any) -> None:
    async with start(quota_mib=10) as running:
        path = await running.created(8 * MIB, Upload_Concat="partial")
        assert (await running.patch(path, 0, movie(8 * MIB))).status_code == 204

        answer = await running.create(3 * MIB)

    assert answer.status_code == 413


async def test_the_quota_counts_what_unfinished_uploads_promise(start: Any) -> None:
    async with start(quota_mib=10) as running:
        await running.created(8 * MIB)

        answer = await running.create(3 * MIB)

    assert answer.status_code == 413
    assert answer.json()["code"] == "upload_quota_exceeded"


async def in_pieces(data: bytes) -> AsyncIterator[bytes]:
    """A body without a Content-Length."""
    for start in range(0, len(data), MIB):
        yield data[start : start + MIB]


async def held_by(running: Any) -> int:
    """Bytes in the bucket, and in parts that could still become an object."""
    prefix = f"media/{running.person}/"
    store = running.media.uploads._store
    sizes = [(await store.info(key)).size for key in await store._list(prefix)]
    async with running.database.read() as work:
        statement = "SELECT coalesce(sum(parts_size), 0) AS size FROM upload WHERE owner_id = %s"
        row = await work.one(statement, (running.person,))
    return int(sum(sizes) + row["size"])


@pytest.mark.parametrize("is_announced", [True, False], ids=["with a Content-Length", "without one"])
async def test_a_deferred_upload_ends_at_the_quota(start: Any, is_announced: bool) -> None:
    async with start(quota_mib=10) as running:
        path = await running.created(None)
        assert (await running.patch(path, 0, movie(6 * MIB))).status_code == 204
        beyond = os.urandom(14 * MIB)

        answer = await running.patch(path, 6 * MIB, beyond if is_announced else in_pieces(beyond))

        assert (answer.status_code, answer.json()["code"]) == (413, "upload_quota_exceeded")
        assert await running.offset(path) == 6 * MIB
        assert await held_by(running) == 6 * MIB
        assert not await running.media.uploads._store._list(f"media/{running.person}/")


@pytest.mark.parametrize("is_announced", [True, False], ids=["with a Content-Length", "without one"])
async def test_deferred_uploads_in_parallel_end_at_the_quota_together(start: Any, is_announced: bool) -> None:
    async with start(quota_mib=10) as running:
        paths = [await running.created(None) for _ in range(4)]
        body = movie(6 * MIB)

        answers = await asyncio.gather(
            *(running.patch(path, 0, body if is_announced else in_pieces(body)) for path in paths)
        )

        assert sorted(answer.status_code for answer in answers) == [204, 413, 413, 413]
        assert await held_by(running) == 6 * MIB


async def test_what_a_refused_or_cut_request_reserved_is_free_again(start: Any) -> None:
    async with start(quota_mib=10) as running:
        path = await running.created(None)
        assert (await running.patch(path, 0, movie(11 * MIB))).status_code == 413
        assert (await running.patch(path, 0, movie(MIB))).status_code == 204

        small = await running.patch(path, MIB, os.urandom(MIB), Upload_Length=str(2 * MIB))

        assert small.status_code == 204
        assert (await running.create(8 * MIB)).status_code == 201
        assert (await running.create(None)).status_code == 413


async def test_a_person_begins_so_many_uploads(start: Any) -> None:
    async with start(uploads_limit="2/hour") as front:
        answers = [await front.create(10) for _ in range(3)]
        other = await front.create(10, new_id())

    assert [answer.status_code for answer in answers] == [201, 201, 429]
    assert answers[1].headers["ratelimit"].startswith("limit=2, remaining=0")
    assert answers[2].json()["code"] == "rate_limited"
    assert int(answers[2].headers["retry-after"]) > 0
    assert answers[2].headers["tus-resumable"] == "1.0.0"
    assert other.status_code == 201
