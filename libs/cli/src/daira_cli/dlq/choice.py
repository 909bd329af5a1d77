"""Which letters a command is about, and how they fall into groups of probably one cause."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from typing import Annotated

import msgspec
from cyclopts import Parameter

from daira_bus.letters import Letter, Pile
from daira_cli.dlq.hiding import why_settled
from daira_cli.errors import Usage
from daira_cli.known import known_service, known_topic

NAMED_AT_MOST = 100


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Choice:
    """All that is given must fit; `--id` may be given more than once."""

    id: Annotated[tuple[str, ...], Parameter(name="--id", negative="", help="A letter, as `dlq ls` names it.")] = ()
    code: Annotated[str | None, Parameter(name="--class", help="Error class, as `dlq ls` names it.")] = None
    service: Annotated[str | None, Parameter(help="The service whose handler failed.")] = None
    topic: Annotated[str | None, Parameter(help="The topic the record came from.")] = None
    handler: Annotated[str | None, Parameter(help="The handler that failed.")] = None
    everything: Annotated[bool, Parameter(name="--all", negative="", help="Every open letter.")] = False

    def of(self, pile: Pile) -> list[Letter]:
        """Open letters that fit. Raises Usage when nothing is asked for, or a letter is asked for that is not open."""
        if not (self.id or self.code or self.service or self.topic or self.handler or self.everything):
            raise Usage("say which letters", then="--class, --id, --service, --topic, --handler or --all")
        check_names(pile, self.topic, self.service)
        self._check_ids(pile)
        return self.still_open(pile)

    def still_open(self, pile: Pile) -> list[Letter]:
        """Open letters that fit, when it was checked before that they may be asked for."""
        return [letter for letter in pile.open if self._fits(letter)]

    def _fits(self, letter: Letter) -> bool:
        wanted = ((self.code, letter.code), (self.service, letter.service), (self.topic, letter.topic))
        return (
            all(want in (None, has) for want, has in wanted)
            and self.handler in (None, letter.handler)
            and (not self.id or letter.id in self.id)
        )

    def _check_ids(self, pile: Pile) -> None:
        for wanted in self.id:
            if wanted in pile.settled:
                done = pile.settled[wanted]
                told = f"{wanted} is settled: {done.how} {why_settled(done)} {done.who}".rstrip()
                raise Usage(told, then=f"daira dlq show {wanted}", code="letter_settled")
            letter_of(pile, wanted)


def check_names(pile: Pile, topic: str | None, service: str | None) -> None:
    """Raises Usage where nothing was found under a name that no contract knows: an empty list would be no answer."""
    if pile.letters:
        return
    if service is not None:
        known_service(service)
    if topic is not None:
        known_topic(topic)


class Group(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Letters that probably have one cause."""

    topic: str
    service: str
    code: str
    handler: str
    count: int
    attempt: int
    """The highest among them."""
    first_seen: datetime
    last_seen: datetime
    sample: str
    """The newest letter's id."""


def groups(letters: Iterable[Letter]) -> list[Group]:
    """Largest first."""
    piles: dict[tuple[str, str, str, str], list[Letter]] = {}
    for letter in letters:
        piles.setdefault(letter.group, []).append(letter)
    return sorted((_group(key, pile) for key, pile in piles.items()), key=lambda group: -group.count)


def letter_of(pile: Pile, wanted: str) -> Letter:
    """The letter with this id, open or not. Raises Usage naming the closest one."""
    for letter in pile.letters:
        if letter.id == wanted:
            return letter
    close = get_close_matches(wanted, [letter.id for letter in pile.letters], n=1)
    raise Usage(
        f"no letter {wanted}", then=f"did you mean {close[0]}?" if close else "daira dlq ls", code="unknown_letter"
    )


def subjects(letters: Iterable[Letter]) -> list[str]:
    """What the audit trail is told: each letter, or their topics where they are many."""
    names = [letter.id for letter in letters]
    return names if len(names) <= NAMED_AT_MOST else sorted({name.rpartition("@")[0] for name in names})


def _group(key: tuple[str, str, str, str], pile: Sequence[Letter]) -> Group:
    topic, service, code, handler = key
    newest = max(pile, key=lambda letter: letter.died_at)
    return Group(
        topic=topic,
        service=service,
        code=code,
        handler=handler,
        count=len(pile),
        attempt=max(letter.attempt for letter in pile),
        first_seen=min(letter.died_at for letter in pile),
        last_seen=newest.died_at,
        sample=newest.id,
    )
