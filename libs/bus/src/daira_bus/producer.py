"""The producer: idempotent, acks=all, connected on first use, thrown away and rebuilt when it hangs."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress

import msgspec
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError

from daira_bus.cancelling import is_cancelled
from daira_bus.errors import BrokerUnavailable, RecordTooLarge
from daira_contracts._event import Event
from daira_contracts.topics import CAUSE_BYTES, LARGEST_RECORD
from daira_observe.logs import get_logger
from daira_observe.tracing import traceparent

logger = get_logger(__name__)
Headers = Sequence[tuple[str, bytes]]
CONNECT_SECONDS = 5.0
RETAKEN_SECONDS = 86_400.0
"""Brokers forget a fence nobody took for seven days, and then the next to take it would not end this producer."""


class Producer:
    """`source` names the service in event headers; `prefix` separates test runs that share a broker."""

    def __init__(self, bootstrap: str, source: str, prefix: str = "", *, linger_ms: int = 2) -> None:
        self._bootstrap, self._source, self._prefix, self._linger_ms = bootstrap, source, prefix, linger_ms
        self._client: AIOKafkaProducer | None = None
        self._connecting = asyncio.Lock()
        self._fence: str | None = None

    async def publish(self, *events: Event, timeout: float = 2.0) -> None:
        """Log-first write: returns when the brokers have all events (acks=all), else raises BrokerUnavailable.

        `timeout` in seconds covers all events together. After a timeout an event may still arrive:
        its id must derive from the request, so that a repeat is the same event.
        """
        parent = traceparent()
        records = [
            (event.topic, event.key_text(), msgspec.json.encode(event), self._headers(event, parent))
            for event in events
        ]
        await self._send_all(records, timeout)

    async def send(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        headers: Headers,
        timeout: float = 10.0,
    ) -> None:
        """One raw record, confirmed by the brokers. Raises BrokerUnavailable, RecordTooLarge."""
        await self._send_all([(topic, key, value, headers)], timeout)

    async def send_each(
        self, records: Sequence[tuple[str, str, bytes | None, Headers]], timeout: float = 10.0
    ) -> list[bool]:
        """Send in order and say of each whether it is confirmed; the relay's way."""
        client = await self._connected()
        try:
            async with asyncio.timeout(timeout):
                futures = [
                    await client.send(self._prefix + topic, value, key=key.encode(), headers=[*headers])
                    for topic, key, value, headers in records
                ]
                results = await asyncio.gather(*futures, return_exceptions=True)
        except (KafkaError, TimeoutError, OSError, asyncio.CancelledError) as error:
            if is_cancelled():
                raise
            await self._discard(client)
            raise BrokerUnavailable(type(error).__name__) from error
        failed = [result for result in results if isinstance(result, BaseException)]
        if failed:
            logger.warning("records_not_confirmed", count=len(failed), error=repr(failed[0]))
            await self._discard(client)
        return [not isinstance(result, BaseException) for result in results]

    def fenced(self, fence: str) -> "FencedProducer":
        """Another producer with the same settings, of which only the newest may send: see FencedProducer."""
        name = f"{self._prefix}daira.{self._source}.{fence}"
        return FencedProducer(name, self._bootstrap, self._source, self._prefix, linger_ms=self._linger_ms)

    async def close(self) -> None:
        """Flush and disconnect."""
        client, self._client = self._client, None
        if client is not None:
            with suppress(KafkaError, TimeoutError):
                await asyncio.wait_for(client.stop(), 5)

    async def _send_all(
        self, records: Sequence[tuple[str, str | bytes | None, bytes | None, Headers]], timeout: float
    ) -> None:
        client: AIOKafkaProducer | None = None
        try:
            async with asyncio.timeout(timeout):
                client = await self._connected()
                futures = [
                    await client.send(
                        self._prefix + topic,
                        value,
                        key=key.encode() if isinstance(key, str) else key,
                        headers=[*headers],
                    )
                    for topic, key, value, headers in records
                ]
                await asyncio.gather(*futures)
        except (KafkaError, TimeoutError, OSError, asyncio.CancelledError) as error:
            if is_cancelled():
                raise
            # Also cancelled by nobody: aiokafka lets its own cancellations out.
            if client is not None:
                await self._discard(client)
            if isinstance(error, MessageSizeTooLargeError):
                raise RecordTooLarge from error
            raise BrokerUnavailable from error

    async def _connected(self) -> AIOKafkaProducer:
        async with self._connecting:
            if self._client is None:
                self._client = await self._connect()
            return self._client

    async def _connect(self) -> AIOKafkaProducer:
        client = AIOKafkaProducer(
            bootstrap_servers=self._bootstrap,
            acks="all",
            enable_idempotence=True,
            transactional_id=self._fence,
            linger_ms=self._linger_ms,
            request_timeout_ms=10_000,
            retry_backoff_ms=100,
            max_request_size=LARGEST_RECORD + CAUSE_BYTES,
        )
        try:
            await asyncio.wait_for(client.start(), CONNECT_SECONDS)
        except (KafkaError, TimeoutError, OSError) as error:
            with suppress(KafkaError, TimeoutError, OSError):
                await client.stop()
            raise BrokerUnavailable(f"no connection: {str(error) or type(error).__name__}") from error
        return client

    async def _discard(self, client: AIOKafkaProducer) -> None:
        # A producer can hang for ever after a broker restart (OutOfOrderSequence); a fresh one has a fresh epoch.
        is_newest = self._client is client
        if not is_newest:
            return  # another caller has thrown it away before, and the newest one may be well
        self._client = None
        with suppress(KafkaError, TimeoutError, OSError):
            await asyncio.wait_for(client.stop(), 1)
        await _silence(client)

    def _headers(self, event: Event, parent: str | None) -> list[tuple[str, bytes]]:
        headers = {
            "ce_id": str(event.event_id),
            "ce_type": event.topic,
            "ce_source": self._source,
            "ce_time": event.occurred_at.isoformat(),
        }
        if parent:
            headers["traceparent"] = parent
        return encode_headers(headers)


class FencedProducer(Producer):
    """Of all producers with one fence only that which took it last may send.

    Each `take` is given a newer epoch, and a broker refuses records of an epoch that is older than the newest it has
    seen on the partition: whatever others sent and is still on its way can no longer arrive behind what the newest
    has sent. Sending never takes the fence, so whoever took it may look whether it is still the rightful one first.
    """

    def __init__(self, fence: str, bootstrap: str, source: str, prefix: str = "", *, linger_ms: int = 2) -> None:
        super().__init__(bootstrap, source, prefix, linger_ms=linger_ms)
        self._fence, self._taken_at = fence, 0.0

    async def take(self) -> bool:
        """Become the one who may send; False when nothing was to be done. Raises BrokerUnavailable."""
        if self._client is not None and time.monotonic() - self._taken_at < RETAKEN_SECONDS:
            return False
        await self.close()
        client = await self._connect()
        # The epoch is all that is wanted of transactions: with them each batch would wait for two more answers, and
        # topics would hold their markers.
        client._txn_manager.transactional_id = None
        self._client, self._taken_at = client, time.monotonic()
        return True

    async def _connected(self) -> AIOKafkaProducer:
        if self._client is None:
            raise BrokerUnavailable("the fence is not taken")
        return self._client


async def _silence(client: AIOKafkaProducer) -> None:
    # A stop that ran out of time leaves sender and connections behind, and what it could not flush would arrive
    # later, behind newer records of the same key: a compacted topic would keep the older state for ever.
    sender = client._sender.sender_task
    if sender is not None:
        sender.cancel()
    with suppress(KafkaError, TimeoutError, OSError):
        await asyncio.wait_for(client.client.close(), 1)
    if sender is not None:
        await asyncio.wait([sender], timeout=1)
    client._message_accumulator.fail_all(BrokerUnavailable())


def encode_headers(headers: Mapping[str, str]) -> list[tuple[str, bytes]]:
    """Text headers as Kafka has them."""
    return [(name, value.encode()) for name, value in headers.items()]


@asynccontextmanager
async def open_producer(bootstrap: str, source: str, prefix: str = "") -> AsyncIterator[Producer]:
    """A producer that is closed at the end of the block."""
    producer = Producer(bootstrap, source, prefix)
    try:
        yield producer
    finally:
        await producer.close()
