"""Names that the contracts know: a misspelt one is answered with the closest, never with an empty list."""

from collections.abc import Iterable
from difflib import get_close_matches

from daira_cli.errors import Usage
from daira_cli.services import names
from daira_contracts.topics import Topic, topics


def known_topic(name: str) -> Topic:
    """What the contracts say of it. Raises Usage."""
    if found := topics().get(name):
        return found
    raise Usage(
        f"there is no topic {name}", then=_hint(name, topics(), "daira contracts ls lists them"), code="unknown_topic"
    )


def known_service(name: str) -> str:
    """The name of a service that tells or hears a topic, or is installed here. Raises Usage."""
    among = {*names()} | {one for topic in topics().values() for one in (*topic.producers, *topic.consumers)}
    if name in among:
        return name
    hint = _hint(name, among, f"one of {', '.join(sorted(among))}")
    raise Usage(f"there is no service {name}", then=hint, code="unknown_service")


def _hint(name: str, among: Iterable[str], otherwise: str) -> str:
    close = get_close_matches(name, among, n=1)
    return f"did you mean {close[0]}?" if close else otherwise
