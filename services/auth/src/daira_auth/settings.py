"""Settings of auth, read from DAIRA_AUTH_* once."""

from datetime import timedelta
from typing import Literal

from daira_auth.domain.challenge import Channel
from daira_auth.domain.limits import DEVELOPMENT, PRODUCTION, Profile, with_overrides
from daira_kit.settings import ObjectStoreSettings


class Settings(ObjectStoreSettings, frozen=True, kw_only=True):
    """What auth needs beyond the common settings. Provider keys are needed only with live providers."""

    redis_url: str
    """Limits and the pumping guard live here; log-in fails closed without it."""
    root_private_key: str
    """PEM (base64 of the whole text) of the platform root key; signs announcements of signing keys."""
    secret: str
    """At least 32 characters; keys for code digests, limit names and sealed signing keys are derived from it."""
    providers: Literal["", "live", "sandbox"] = ""
    """Who calls and messages; empty means sandbox in dev and live in prod."""
    limits_profile: Literal["", "production", "development"] = ""
    """Which table of limits; empty means development in dev and production in prod."""
    limits: str = ""
    """`scope=rates|scope=rates` put over the profile, e.g. `send.number=3/10 minutes; 10/day`."""
    guard_sends: int = 0
    """Sends an hour before the pumping guard judges a prefix; 0 keeps the profile's."""
    proxy_hops: int = 1
    """Trusted proxies in front: the caller's address is that entry of X-Forwarded-For, counted from its end."""
    default_region: str = "EG"
    """ISO 3166 region assumed for numbers without a country code."""
    country_codes: str = "20"
    """Comma-separated country calling codes where log-in is offered."""
    challenge_minutes: int = 10
    """How long a code may be used."""
    access_minutes: int = 15
    """Life of an access token."""
    session_days: int = 60
    """A session ends when it was not refreshed for this long."""
    key_days: int = 30
    """How long a signing key signs before its successor."""
    grace_days: float = 14
    """From the wish to be erased until the erasure; logging in again takes the wish back."""
    fresh_minutes: int = 10
    """For an erasure the code must have been verified within this time."""
    cost_flash_call: int = 5
    """Piastres for one flash call, as counted against the cost limits."""
    cost_whatsapp: int = 15
    """Piastres for one WhatsApp message."""
    cost_sms: int = 50
    """Piastres for one SMS."""
    sinch_url: str = "https://verification.api.sinch.com"
    """Base of Sinch Verification."""
    sinch_key: str = ""
    """Application key at Sinch."""
    sinch_secret: str = ""
    """Application secret at Sinch, base64."""
    whatsapp_url: str = "https://graph.facebook.com/v21.0"
    """Base of the Graph API with its version."""
    whatsapp_token: str = ""
    """System user token of the WhatsApp business account."""
    whatsapp_phone_number_id: str = ""
    """Id of the sending number."""
    whatsapp_template: str = "daira_login"
    """Name of the approved authentication template."""
    whatsapp_app_secret: str = ""
    """Secret of the Meta app: signs what the webhook is told. Empty: nothing told is believed."""
    whatsapp_verify_token: str = ""
    """What Meta shows when the webhook `/v1/auth/webhooks/whatsapp` is entered there."""
    sms_url: str = "https://eu.sms.api.sinch.com"
    """Base of the SMS API."""
    sms_token: str = ""
    """API token of the SMS service plan."""
    sms_service_plan: str = ""
    """Id of the SMS service plan."""
    sms_sender: str = "DAIRA"
    """Registered sender name."""

    @property
    def uses_sandbox(self) -> bool:
        """True when nobody is really called."""
        return self.providers == "sandbox" or (not self.providers and self.env == "dev")

    @property
    def profile(self) -> Profile:
        """The table of limits with the overrides. Raises ValueError for an unknown scope."""
        is_production = self.limits_profile == "production" or (not self.limits_profile and self.env == "prod")
        return with_overrides(PRODUCTION if is_production else DEVELOPMENT, self.limits, self.guard_sends)

    @property
    def costs(self) -> dict[Channel, int]:
        """Piastres by channel."""
        return {
            Channel.FLASH_CALL: self.cost_flash_call,
            Channel.WHATSAPP_OTP: self.cost_whatsapp,
            Channel.SMS_OTP: self.cost_sms,
        }

    @property
    def served_countries(self) -> frozenset[int]:
        """Country calling codes."""
        return frozenset(int(code) for code in self.country_codes.split(","))

    @property
    def access_life(self) -> timedelta:
        """Life of an access token."""
        return timedelta(minutes=self.access_minutes)

    @property
    def session_life(self) -> timedelta:
        """Life of an unused session."""
        return timedelta(days=self.session_days)
