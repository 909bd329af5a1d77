"""Marks letters as not worth a redrive, when nobody is at a redrive of them."""

from collections.abc import Sequence
from contextlib import AsyncExitStack

from daira_bus.letters import DISCARDED, Letter, read_pile, settle, settlement
from daira_bus.log import Log
from daira_bus.producer import open_producer
from daira_cli.dlq.round import BUSY_THEN, SOURCE
from daira_cli.errors import Refused
from daira_cli.services import find, names
from daira_cli.where import Where
from daira_runtime.redrive import alone_by_hand
from daira_stores.operators import OperatorBusy


async def discard(where: Where, log: Log, letters: Sequence[Letter], who: str, why: str) -> list[Letter]:
    """Those that were discarded: what was settled since somebody looked keeps what became of it.

    Raises Refused when another operator is at it, BrokerUnavailable, Usage.
    """
    async with AsyncExitStack() as stack:
        # Who else could redrive a letter: nobody, where its service is none of today's.
        for service in sorted({letter.service for letter in letters} & set(names())):
            dsn = where.settings(find(service)).postgres_dsn
            try:
                await stack.enter_async_context(alone_by_hand(dsn, service, who))
            except OperatorBusy as error:
                raise Refused(error.detail, then=BUSY_THEN, code=error.code) from None
        still_open = {letter.id for letter in (await read_pile(log)).open}
        producer = await stack.enter_async_context(open_producer(where.kafka(), SOURCE, where.topic_prefix()))
        found = [letter for letter in letters if letter.id in still_open]
        await settle(producer, found, settlement(DISCARDED, who, why))
        return found
