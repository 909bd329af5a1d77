"""What the person reads while waiting for the code."""

from collections.abc import Mapping
from types import MappingProxyType
from urllib.parse import quote

from daira_auth.domain.challenge import Channel

TEXTS: Mapping[tuple[Channel, str], str] = MappingProxyType(
    {
        (Channel.FLASH_CALL, "ar"): "سنتصل بك الآن. لا ترد على المكالمة، وسيتم التحقق تلقائيًا.",
        (Channel.FLASH_CALL, "en"): "You will get a missed call. Do not answer it: the app verifies by itself.",
        (Channel.WHATSAPP_OTP, "ar"): "أرسلنا رمزًا إلى واتساب.",
        (Channel.WHATSAPP_OTP, "en"): "We sent a code to your WhatsApp.",
        (Channel.SMS_OTP, "ar"): "أرسلنا رمزًا في رسالة قصيرة.",
        (Channel.SMS_OTP, "en"): "We sent a code by SMS.",
    }
)


def language(accept_language: str) -> str:
    """`en` for those who ask for English first, else `ar`."""
    return "en" if accept_language.strip().lower().startswith("en") else "ar"


def sandbox_hint(phone: str) -> str:
    """Where a developer finds the code that no phone will get."""
    return f" [dev: GET /v1/sandbox/messages?phoneNumber={quote(phone)}]"
