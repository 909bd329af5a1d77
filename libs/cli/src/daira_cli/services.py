"""The services installed beside this command: found by entry point, imported only when asked for."""

from difflib import get_close_matches
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, TypeAlias

from daira_cli.errors import Usage

if TYPE_CHECKING:  # half of the start of a command that needs no service
    from daira_runtime import Service

GROUP = "daira.services"
AnyService: TypeAlias = "Service[Any]"


def names() -> list[str]:
    """Names of all installed services, sorted. An image of one service holds one."""
    return sorted({point.name for point in entry_points(group=GROUP)})


def find(name: str) -> AnyService:
    """The service of that name. Raises Usage naming the closest one."""
    for point in entry_points(group=GROUP, name=name):
        service: AnyService = point.load()
        return service
    close = get_close_matches(name, names(), n=1)
    hint = f"did you mean {close[0]}?" if close else f"installed here: {', '.join(names()) or 'none'}"
    raise Usage(f"no service {name} is installed here", then=hint, code="unknown_service")


def chosen(name: str | None) -> list[AnyService]:
    """That one, or all. Raises Usage."""
    return [find(name)] if name else [find(one) for one in names()]
