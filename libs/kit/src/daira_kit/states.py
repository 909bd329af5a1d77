"""Lifecycles declared as tables and checked when they are declared."""

from collections.abc import Mapping
from enum import Enum
from typing import Generic, TypeVar

from daira_kit.errors import Conflict

S = TypeVar("S", bound=Enum)


class IllegalTransition(Conflict):
    """The state does not allow this step."""

    code = "illegal_transition"


class StateGraph(Generic[S]):
    """Which state may follow which. A wrong table cannot be imported: it fails here."""

    def __init__(self, transitions: Mapping[S, frozenset[S] | set[S]]) -> None:
        """Raises ValueError when a target has no row of its own."""
        for source, targets in transitions.items():
            missing = [target for target in targets if target not in transitions]
            if missing:
                raise ValueError(f"{source} leads to {missing}, which have no row")
        self._transitions = {source: frozenset(targets) for source, targets in transitions.items()}

    def allows(self, source: S, target: S) -> bool:
        """True when `target` may follow `source`."""
        return target in self._transitions[source]

    def check(self, source: S, target: S) -> None:
        """Raises IllegalTransition when `target` may not follow `source`."""
        if not self.allows(source, target):
            raise IllegalTransition(f"{source.value} cannot become {target.value}")

    def is_final(self, state: S) -> bool:
        """True when nothing follows `state`."""
        return not self._transitions[state]
