"""How often one person may do what."""

from uuid import UUID

from daira_user.settings import Settings
from daira_web.limits import Limiter


class Limits:
    """Raise TooManyRequests. Nothing here is worth refusing service for: without Redis nothing is limited."""

    def __init__(self, limiter: Limiter, settings: Settings) -> None:
        self._limiter, self._settings = limiter, settings

    async def on_profile(self, user_id: UUID) -> None:
        """An edit of profile or settings."""
        await self._limiter.hit(self._settings.profile_limit, "user.profile", str(user_id))

    async def on_relation(self, user_id: UUID) -> None:
        """A follow, block or mute; ending one is never limited."""
        await self._limiter.hit(self._settings.relation_limit, "user.relation", str(user_id))

    async def on_export(self, user_id: UUID) -> None:
        """A wish for an export."""
        await self._limiter.hit(self._settings.export_limit, "user.export", str(user_id))
