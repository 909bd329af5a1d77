"""A tus 1.0 client that can lose its connection in the middle of a chunk, as a phone in a tunnel does."""

import socket
import time
from base64 import b64encode
from collections.abc import Callable
from urllib.parse import urlsplit

import httpx

from daira_devtools.demo.client import DemoFailed, Phone, describe

TUS = {"Tus-Resumable": "1.0.0"}
RETRIES = 20
RETRY_SECONDS = 0.25


class Upload:
    """One upload of one file held in memory."""

    def __init__(self, phone: Phone, data: bytes, *, filetype: str, purpose: str, filename: str) -> None:
        """Creates the upload; raises DemoFailed."""
        self.phone, self.data = phone, data
        metadata = {"filename": filename, "filetype": filetype, "purpose": purpose}
        encoded = ",".join(f"{name} {b64encode(value.encode()).decode()}" for name, value in metadata.items())
        headers = {**TUS, "Upload-Length": str(len(data)), "Upload-Metadata": encoded}
        response = phone.ask("POST", "/v1/uploads", headers=headers)
        if response.status_code != 201:
            raise DemoFailed(describe(response))
        self.path = urlsplit(response.headers["Location"]).path
        self.media_id: str = response.headers["Upload-Media-Id"]

    def offset(self) -> int:
        """How many bytes the server holds for certain."""
        response = self.phone.ask("HEAD", self.path, headers=TUS)
        if response.is_error:
            raise DemoFailed(describe(response))
        return int(response.headers["Upload-Offset"])

    def cut(self, offset: int, declared: int, sent: int) -> None:
        """Announce a chunk of `declared` bytes, send `sent` of them and drop the connection."""
        url = urlsplit(self.phone.base_url)
        head = (
            f"PATCH {self.path} HTTP/1.1\r\nHost: {url.netloc}\r\nTus-Resumable: 1.0.0\r\n"
            f"Authorization: {self.phone.http.headers['Authorization']}\r\n"
            f"Upload-Offset: {offset}\r\nContent-Type: application/offset+octet-stream\r\n"
            f"Content-Length: {declared}\r\n\r\n"
        )
        try:
            with socket.create_connection((url.hostname or "127.0.0.1", url.port or 80), timeout=10) as connection:
                connection.sendall(head.encode() + self.data[offset : offset + sent])
        except OSError as error:
            raise DemoFailed(f"PATCH {self.path}: {error}") from error

    def send(self, chunk: int, progress: Callable[[int], None], stop_at: int | None = None) -> int:
        """PATCH chunk by chunk from the server's offset to the end, or to `stop_at`; returns the last offset."""
        offset = self.offset()
        end = len(self.data) if stop_at is None else stop_at
        patience = RETRIES
        while offset < end:
            body = self.data[offset : min(offset + chunk, end)]
            response = self._patch(offset, body)
            if response.status_code in (409, 423) and patience:
                # The server was still storing what the lost connection had brought.
                patience -= 1
                time.sleep(RETRY_SECONDS)
                offset = self.offset()
                continue
            if response.is_error:
                raise DemoFailed(describe(response))
            offset = int(response.headers["Upload-Offset"])
            progress(offset)
        return offset

    def _patch(self, offset: int, body: bytes) -> httpx.Response:
        headers = {**TUS, "Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream"}
        return self.phone.ask("PATCH", self.path, content=body, headers=headers)
