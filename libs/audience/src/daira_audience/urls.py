"""What a service says of its URLs."""

from collections.abc import Sequence
from typing import Protocol, TypeVar
from uuid import UUID

from daira_audience.domain import Narrowing
from daira_stores.work import Work


class Upload(Protocol):
    """A row with a URL."""

    @property
    def id(self) -> UUID:
        """As posts name it."""

    @property
    def owner_id(self) -> UUID:
        """Whose posts decide who may see it."""


U = TypeVar("U", bound=Upload)


class Urls(Protocol[U]):
    """Uploads of one service, of type U."""

    async def lock(self, work: Work, upload_id: UUID) -> U | None:
        """With its row locked until the transaction ends; None when the service holds no such upload."""

    async def lock_exposed(self, work: Work, narrowing: Narrowing, after: UUID, most: int) -> Sequence[U]:
        """The next `most` uploads by id whose URLs somebody knows who may not use them any more, rows locked."""

    async def renew(self, work: Work, upload: U) -> None:
        """Give an upload whose row is locked another URL, and tell so; of one that has none nothing changes."""
