"""A consumer process to be killed: `lone_consumer.py DSN BOOTSTRAP PREFIX GROUP`."""

import asyncio
import sys

from daira_bus.producer import open_producer
from daira_stores.postgres import open_database
from daira_testing.delivery import Effects, consuming
from daira_testing.topics import TopicProbe


async def main(dsn: str, bootstrap: str, prefix: str, group: str) -> None:
    async with open_database(dsn, "feed", size=4) as database, open_producer(bootstrap, "feed", prefix) as producer:
        probe = TopicProbe(bootstrap, prefix, producer)
        async with consuming(Effects(database), probe, group=group):
            await asyncio.Event().wait()


asyncio.run(main(*sys.argv[1:]))
