"""Which projections there are: what the installed services declare."""

from difflib import get_close_matches

import msgspec

from daira_bus.projection import Projection, Rebuildable, Restore
from daira_cli.errors import Usage
from daira_cli.services import AnyService, chosen


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A projection and the service that holds it."""

    service: AnyService
    projection: Rebuildable

    @property
    def topics(self) -> list[str]:
        """What it is made from; nothing when that is the service's own tables."""
        if isinstance(self.projection, Projection):
            return [source.topic for source in self.projection.sources]
        return [self.projection.event_type.topic] if isinstance(self.projection, Restore) else []

    @property
    def tables(self) -> list[str]:
        """Which tables it fills; nothing when it fills another store."""
        return [table.name for table in self.projection.tables] if isinstance(self.projection, Projection) else []


def everything(service: str | None = None) -> list[Found]:
    """All projections, tables before what is made from them. Raises Usage for an unknown service."""
    found = [Found(service=one, projection=projection) for one in chosen(service) for projection in one.projections]
    return sorted(found, key=lambda one: not isinstance(one.projection, Projection))


def wanted(names: tuple[str, ...], *, every: bool) -> list[Found]:
    """Those of that name, in the order of `everything`. Raises Usage naming the closest one."""
    found = everything()
    if every:
        return found
    known = {one.projection.name for one in found}
    for name in names:
        if name not in known:
            close = get_close_matches(name, known, n=1)
            raise Usage(
                f"no projection {name}",
                then=f"did you mean {close[0]}?" if close else "daira rebuild ls shows them",
                code="unknown_projection",
            )
    if not names:
        raise Usage("no projection named", then="daira rebuild ls shows them; --all takes every one")
    return [one for one in found if one.projection.name in names]
