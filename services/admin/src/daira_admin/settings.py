"""Settings of admin; each field is an environment variable DAIRA_ADMIN_<FIELD>."""

from daira_kit.settings import CommonSettings


class Settings(CommonSettings, frozen=True, kw_only=True):
    """Only what every service needs."""
