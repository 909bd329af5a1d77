"""WhatsApp Cloud API: authentication templates. Free text would reach nobody outside the 24-hour window."""

import httpx
import msgspec

from daira_auth.adapters.http import exchange
from daira_auth.errors import ChannelFailed


class Accepted(msgspec.Struct):
    """One accepted message."""

    id: str


class Answer(msgspec.Struct):
    """The part of the answer that is used. Acceptance is not delivery: the client's timer decides that."""

    messages: list[Accepted]


class WhatsAppCodes:
    """Sends the approved authentication template in the person's language."""

    def __init__(
        self, client: httpx.AsyncClient, token: str, phone_number_id: str, template: str, base_url: str
    ) -> None:
        """`base_url` with the Graph API version, e.g. `https://graph.facebook.com/v21.0`."""
        self._client, self._token, self._template = client, token, template
        self._url = f"{base_url.rstrip('/')}/{phone_number_id}/messages"

    async def send(self, phone: str, code: str, locale: str) -> str:
        """Hand the template over; the code appears twice, in the text and behind the copy button."""
        request = self._client.build_request(
            "POST",
            self._url,
            content=msgspec.json.encode(self._message(phone, code, locale)),
            headers={"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"},
        )
        answer = await exchange(self._client, request, Answer)
        if not answer.messages:
            raise ChannelFailed("WhatsApp accepted no message.")
        return answer.messages[0].id

    def _message(self, phone: str, code: str, locale: str) -> dict[str, object]:
        text = [{"type": "text", "text": code}]
        return {
            "messaging_product": "whatsapp",
            "recipient_type": "individual",
            "to": phone.removeprefix("+"),
            "type": "template",
            "template": {
                "name": self._template,
                "language": {"code": "en" if locale.startswith("en") else "ar"},
                "components": [
                    {"type": "body", "parameters": text},
                    {"type": "button", "sub_type": "url", "index": "0", "parameters": text},
                ],
            },
        }
