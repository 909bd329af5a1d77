"""What a redrive would do with each letter, before anything is done."""

import msgspec

from daira_bus.letters import Letter, Pile, whole
from daira_bus.log import Log
from daira_bus.redrive import in_order, place, superseded
from daira_contracts.registry import EVENTS

GONE = "its value was too large for a letter, and its topic has let the record go: its owner must tell it again"
AGAIN, SUPERSEDED, REFUSED = "again", "superseded", "refused"


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """`does` is again, superseded (a newer state of the key is in the topic) or refused."""

    letter: Letter
    does: str
    why: str


async def judge(log: Log, letters: list[Letter], pile: Pile, cap: int) -> list[Verdict]:
    """In the order in which they would be handled. Raises BrokerUnavailable, UnknownTopic."""
    refused = {letter.id: why for letter in letters if (why := _why_not(letter, cap) or await _why_gone(log, letter))}
    fit = [letter for letter in letters if letter.id not in refused]
    newer: dict[str, int] = {}
    for service in {letter.service for letter in fit}:
        # A newer state that only another service buried is held by this one.
        own, dead = ([one for one in some if one.service == service] for some in (fit, pile.open))
        newer |= await superseded(log, own, dead)
    return [_verdict(letter, refused, newer) for letter in in_order(letters)]


def _verdict(letter: Letter, refused: dict[str, str], newer: dict[str, int]) -> Verdict:
    if letter.id in refused:
        return Verdict(letter=letter, does=REFUSED, why=refused[letter.id])
    if letter.id in newer:
        why = f"offset {newer[letter.id]} is a newer state of its key"
        return Verdict(letter=letter, does=SUPERSEDED, why=why)
    return Verdict(letter=letter, does=AGAIN, why=f"attempt {letter.attempt + 1}")


async def _why_gone(log: Log, letter: Letter) -> str:
    return "" if letter.left_out is None or await whole(log, letter) else GONE


def _why_not(letter: Letter, cap: int) -> str:
    if letter.topic not in EVENTS:
        return "no contract knows its topic: discard it, or run the version that does"
    if place(letter) is None:
        return "it does not say where it came from: it was not buried by a service"
    if letter.attempt >= cap:
        return f"attempt {letter.attempt} of {cap} failed: mend the cause and raise --cap, or discard it"
    return ""
