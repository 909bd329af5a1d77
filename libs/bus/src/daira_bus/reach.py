"""Whether a broker answers: asked over a connection that nobody keeps, so it costs nothing idle and is never stale."""

import asyncio
from contextlib import suppress

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError

from daira_bus.cancelling import is_cancelled
from daira_bus.errors import BrokerUnavailable

ANSWER_SECONDS = 1.8
"""For all brokers named together; whoever asks for health waits two seconds."""


async def reach(bootstrap: str) -> None:
    """One round trip for the cluster's metadata, without topics. Raises BrokerUnavailable."""
    each_ms = int(ANSWER_SECONDS * 1000 / (bootstrap.count(",") + 1))
    client = AIOKafkaClient(bootstrap_servers=bootstrap, request_timeout_ms=each_ms)
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            await client.bootstrap()
    except (KafkaError, TimeoutError, OSError, asyncio.CancelledError) as error:
        if is_cancelled():
            raise
        raise BrokerUnavailable(f"no broker answers at {bootstrap}") from error
    finally:
        with suppress(KafkaError, TimeoutError, OSError):
            await client.close()
