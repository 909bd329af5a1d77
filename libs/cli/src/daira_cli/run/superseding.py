"""Which records of a dump are older than what their topics say now: a live run passes them over, as a redrive does."""

from daira_bus.dlq import ORIGINAL_OFFSET, ORIGINAL_PARTITION
from daira_bus.letters import read_pile
from daira_bus.log import Log
from daira_bus.newer import Place, is_state, newer_states
from daira_bus.redrive import places
from daira_cli.dump.lines import Line
from daira_cli.run.casting import Casting, original
from daira_cli.run.reading import Dump


async def superseded(log: Log, dump: Dump, casting: Casting, service: str) -> dict[int, int]:
    """Lines of the dump whose key has a newer state, or a removal, in the topic; with that one's offset.

    A newer state that is an open dead letter of `service` does not count. Raises BrokerUnavailable.
    """
    entries = [entry for entry in dump.entries if casting.hears(entry.topic) and is_state(original(entry.topic))]
    if not entries:
        return {}
    known = await log.topics()  # of an old version's topic, gone meanwhile, nothing newer is known
    lines = [(entry.number, dump.line(entry)) for entry in entries if original(entry.topic) in known]
    found = [(number, place, line.key_bytes) for number, line in lines if (place := place_of(line)) is not None]
    pile = await read_pile(log, service=service)
    newer = await newer_states(log, {place: key for _, place, key in found}, places(pile.open))
    return {number: newer[place] for number, place, _ in found if place in newer}


def place_of(line: Line) -> Place | None:
    """Where the record lies in its own topic; None for a dead letter that does not say."""
    topic = original(line.topic)
    if topic == line.topic:
        return (topic, line.partition, line.offset)
    partition, offset = line.header(ORIGINAL_PARTITION), line.header(ORIGINAL_OFFSET)
    return (topic, int(partition), int(offset)) if partition.isdecimal() and offset.isdecimal() else None
