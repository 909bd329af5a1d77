"""S3 multipart uploads that outlive a process.

obstore runs a multipart upload as one call; a resumable upload spans requests and replicas. So the four calls are made
here, as URLs signed by minio-py (no network in signing, payload unsigned: nothing is hashed twice) and sent by aiohttp,
which streams a part from the spool.
"""

import re
from collections.abc import AsyncIterator, Callable, Sequence
from urllib.parse import urlsplit, urlunsplit

import aiohttp
import stamina
from minio.credentials.credentials import Credentials
from minio.helpers import queryencode, quote
from minio.signer import presign_v4
from yarl import URL

from daira_kit.clock import now
from daira_media.domain.uploads import Part
from daira_stores.objects import ObjectStoreUnavailable

SIGNED_FOR_SECONDS = 900
REGION = "us-east-1"
TRIES = 4
TRY_SECONDS = 30.0
UPLOAD_ID = re.compile(r"<UploadId>([^<]+)</UploadId>")
ERROR_CODE = re.compile(r"<Code>([^<]+)</Code>")
BEGUN = re.compile(r"<Upload>.*?<Key>([^<]+)</Key>.*?<UploadId>([^<]+)</UploadId>.*?</Upload>", re.DOTALL)

Body = Callable[[], AsyncIterator[bytes]]


class S3Refused(Exception):
    """S3 answered with an error that a retry does not cure."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(f"{status} {code}")
        self.code = code


class S3Busy(Exception):
    """S3 answered 5xx; worth a retry."""


class UploadVanished(Exception):
    """There is no such multipart upload: it was completed or aborted."""


class Multipart:
    """Multipart uploads in one bucket. Methods raise ObjectStoreUnavailable after TRIES tries."""

    def __init__(
        self, http: aiohttp.ClientSession, *, endpoint: str, bucket: str, access_key: str, secret_key: str
    ) -> None:
        """`endpoint` with its scheme; the bucket is addressed in the path."""
        self._http = http
        self._bucket_url = f"{endpoint.rstrip('/')}/{bucket}"
        self._credentials = Credentials(access_key, secret_key)

    async def begin(self, key: str, content_type: str) -> str:
        """Open a multipart upload; returns its id."""
        text, _ = await self._call("POST", key, {"uploads": ""}, content_type=content_type)
        found = UPLOAD_ID.search(text)
        if found is None:
            raise ObjectStoreUnavailable("The object store gave no upload id")
        return found[1]

    async def put_part(self, key: str, upload_id: str, number: int, body: Body, size: int) -> Part:
        """Send one part of `size` bytes. The same number again replaces it."""
        query = {"partNumber": str(number), "uploadId": upload_id}
        _, etag = await self._call("PUT", key, query, body=body, size=size)
        return Part(number, etag, size)

    async def complete(self, key: str, upload_id: str, parts: Sequence[Part]) -> None:
        """Join the parts into the object. Raises UploadVanished when this was done before (or aborted)."""
        rows = "".join(f"<Part><PartNumber>{part.number}</PartNumber><ETag>{part.etag}</ETag></Part>" for part in parts)
        document = f"<CompleteMultipartUpload>{rows}</CompleteMultipartUpload>".encode()
        text, _ = await self._call(
            "POST", key, {"uploadId": upload_id}, body=lambda: _once(document), size=len(document)
        )
        if "<Error>" in text:  # S3 may answer 200 and report the failure in the body
            raise S3Refused(200, _error_code(text))

    async def abort(self, key: str, upload_id: str) -> None:
        """Drop the parts; nothing happens when there are none."""
        try:
            await self._call("DELETE", key, {"uploadId": upload_id})
        except UploadVanished:
            return

    async def put(self, key: str, body: Body, size: int, content_type: str) -> None:
        """Write a whole object in one request, at most 5 GiB."""
        await self._call("PUT", key, {}, body=body, size=size, content_type=content_type)

    async def begun(self, prefix: str) -> list[tuple[str, str]]:
        """Unfinished multipart uploads below a prefix as (key, upload id), at most 1,000."""
        text, _ = await self._call("GET", "", {"uploads": "", "prefix": prefix})
        return [(key, upload_id) for key, upload_id in BEGUN.findall(text) if key.startswith(prefix)]

    async def _call(
        self,
        method: str,
        key: str,
        query: dict[str, str],
        *,
        body: Body | None = None,
        size: int = 0,
        content_type: str | None = None,
    ) -> tuple[str, str]:
        headers = {"Content-Length": str(size)}
        if content_type is not None:
            headers["Content-Type"] = content_type
        try:
            async for attempt in stamina.retry_context(
                on=(aiohttp.ClientError, TimeoutError, S3Busy), attempts=TRIES, timeout=TRY_SECONDS, wait_max=3
            ):
                with attempt:
                    return await self._send(method, self._sign(method, key, query), headers, body)
        except (aiohttp.ClientError, TimeoutError, S3Busy) as error:
            raise ObjectStoreUnavailable from error
        raise AssertionError("stamina returns or raises")

    async def _send(self, method: str, url: str, headers: dict[str, str], body: Body | None) -> tuple[str, str]:
        data = body() if body is not None else None
        async with self._http.request(method, URL(url, encoded=True), data=data, headers=headers) as answer:
            text = await answer.text()
            if answer.status >= 500:
                raise S3Busy(answer.status)
            if answer.status == 404 and _error_code(text) == "NoSuchUpload":
                raise UploadVanished
            if answer.status >= 400:
                raise S3Refused(answer.status, _error_code(text))
            return text, answer.headers.get("ETag", "")

    def _sign(self, method: str, key: str, query: dict[str, str]) -> str:
        pairs = "&".join(f"{name}={queryencode(value)}" for name, value in sorted(query.items()))
        signed = presign_v4(
            method=method,
            url=urlsplit(f"{self._bucket_url}/{quote(key)}?{pairs}"),
            region=REGION,
            credentials=self._credentials,
            date=now(),
            expires=SIGNED_FOR_SECONDS,
        )
        return urlunsplit(signed)


async def _once(document: bytes) -> AsyncIterator[bytes]:
    yield document


def _error_code(text: str) -> str:
    found = ERROR_CODE.search(text)
    return found[1] if found else "unknown"
