"""Settings of moderation, read from DAIRA_MODERATION_* once."""

from daira_kit.settings import ObjectStoreSettings


class Settings(ObjectStoreSettings, frozen=True, kw_only=True):
    """Moderation needs no more than every service does."""
