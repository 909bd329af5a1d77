import pytest

from daira_auth.domain.limits import DEVELOPMENT, PRODUCTION
from daira_auth.settings import Settings
from daira_kit.settings import SettingsInvalid, load

NEEDED = {
    "DAIRA_AUTH_POSTGRES_DSN": "postgresql://x",
    "DAIRA_AUTH_KAFKA_BOOTSTRAP": "x:1",
    "DAIRA_AUTH_REDIS_URL": "redis://x",
    "DAIRA_AUTH_CURSOR_SECRET": "x",
    "DAIRA_AUTH_ROOT_PUBLIC_KEY": "x",
    "DAIRA_AUTH_ROOT_PRIVATE_KEY": "x",
    "DAIRA_AUTH_SECRET": "x",
    "DAIRA_AUTH_S3_ENDPOINT": "http://x",
    "DAIRA_AUTH_S3_ACCESS_KEY": "x",
    "DAIRA_AUTH_S3_SECRET_KEY": "x",
}


def test_without_a_word_it_is_production_with_real_providers_and_strict_limits() -> None:
    settings = load(Settings, "DAIRA_AUTH_", NEEDED)

    assert not settings.uses_sandbox
    assert settings.profile.rates == PRODUCTION.rates
    assert settings.served_countries == {20}


def test_dev_has_the_sandbox_and_wide_limits_unless_told_otherwise() -> None:
    assert load(Settings, "DAIRA_AUTH_", NEEDED | {"DAIRA_ENV": "dev"}).uses_sandbox
    assert load(Settings, "DAIRA_AUTH_", NEEDED | {"DAIRA_ENV": "dev"}).profile.rates == DEVELOPMENT.rates
    told = NEEDED | {
        "DAIRA_ENV": "dev",
        "DAIRA_AUTH_PROVIDERS": "live",
        "DAIRA_AUTH_LIMITS_PROFILE": "production",
        "DAIRA_AUTH_LIMITS": "send.number=1/day",
        "DAIRA_AUTH_GUARD_SENDS": "7",
    }
    settings = load(Settings, "DAIRA_AUTH_", told)
    assert not settings.uses_sandbox
    assert settings.profile.rates == {**PRODUCTION.rates, "send.number": "1/day"}
    assert settings.profile.guard_sends == 7


def test_a_misspelt_setting_refuses_the_start() -> None:
    with pytest.raises(SettingsInvalid, match="DAIRA_AUTH_GARCE_DAYS"):
        load(Settings, "DAIRA_AUTH_", NEEDED | {"DAIRA_AUTH_GARCE_DAYS": "1"})
