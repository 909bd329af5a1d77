"""What a service with URLs does when posts, accounts and followers change."""

from typing import Any, Protocol
from uuid import UUID

from daira_audience.audiences import Audiences
from daira_audience.circles import Circles
from daira_bus.subscription import on
from daira_contracts.feed import PostChangedV1
from daira_contracts.user import ProfileChangedV1, RelationChangedV1
from daira_stores.work import Work


class Service(Protocol):
    """What handlers and jobs of such a service receive."""

    @property
    def audiences(self) -> Audiences[Any]:
        """Follows posts."""

    @property
    def circles(self) -> Circles[Any]:
        """Follows accounts and relations."""


async def follow_post(event: PostChangedV1, work: Work, service: Service) -> None:
    """A narrower audience means other URLs."""
    await service.audiences.note_post(event, work)


async def forget_post(key: str, work: Work, service: Service) -> None:
    """A post that is gone shows nothing to anybody."""
    await service.audiences.forget_post(UUID(key), work)


async def follow_account(event: ProfileChangedV1, work: Work, service: Service) -> None:
    """An account that turns private means other URLs."""
    await service.circles.note_profile(event, work)


async def forget_account(key: str, work: Work, service: Service) -> None:
    """A profile that is gone says nothing any more."""
    await service.circles.forget_profile(UUID(key), work)


async def follow_relation(event: RelationChangedV1, work: Work, service: Service) -> None:
    """A follower who left means other URLs for what followers see."""
    await service.circles.note_relation(event, work)


async def forget_relation(key: str, work: Work, service: Service) -> None:
    """Nothing is left between the two."""
    actor, _, target = key.partition(":")
    await service.circles.forget_relation(UUID(actor), UUID(target), work)


SUBSCRIPTIONS = (
    on(PostChangedV1, follow_post, tombstone=forget_post),
    on(ProfileChangedV1, follow_account, tombstone=forget_account),
    on(RelationChangedV1, follow_relation, tombstone=forget_relation),
)
