"""WhatsApp Cloud API: authentication templates. Free text would reach nobody outside the 24-hour window."""

import hmac
from hashlib import sha256

import httpx
import msgspec

from daira_auth.adapters.http import exchange
from daira_auth.errors import ChannelFailed, SignatureInvalid


class Accepted(msgspec.Struct):
    """One accepted message."""

    id: str


class Answer(msgspec.Struct):
    """The part of the answer that is used. Acceptance is not delivery: see WhatsAppCallbacks."""

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


class Status(msgspec.Struct):
    """What became of one message: sent, delivered, read, failed."""

    id: str
    status: str


class Metadata(msgspec.Struct):
    """The number it was sent from."""

    phone_number_id: str


class Value(msgspec.Struct):
    """The part of a change that is used."""

    metadata: Metadata
    statuses: list[Status] = []


class Change(msgspec.Struct):
    """One change."""

    field: str
    value: Value


class Entry(msgspec.Struct):
    """Changes of one business account."""

    changes: list[Change] = []


class Notice(msgspec.Struct):
    """One call of the webhook."""

    entry: list[Entry] = []


class WhatsAppCallbacks:
    """What the Cloud API tells about messages; without a configured secret nothing is believed."""

    def __init__(self, app_secret: str, verify_token: str, phone_number_id: str) -> None:
        """`app_secret` signs what is told, `verify_token` is chosen by us when the webhook is entered at Meta."""
        self._secret, self._token, self._number = app_secret.encode(), verify_token.encode(), phone_number_id

    def check_handshake(self, mode: str, token: str) -> None:
        """Raises SignatureInvalid for somebody who does not know the token."""
        if not self._token or mode != "subscribe" or not hmac.compare_digest(token.encode(), self._token):
            raise SignatureInvalid

    def failed(self, signature: str, body: bytes) -> list[str]:
        """The ids of messages from our number that failed.

        Raises SignatureInvalid unless `signature` (X-Hub-Signature-256) is one over these very bytes.
        """
        expected = "sha256=" + hmac.new(self._secret, body, sha256).hexdigest()
        if not self._secret or not hmac.compare_digest(signature.encode(), expected.encode()):
            raise SignatureInvalid
        try:
            notice = msgspec.json.decode(body, type=Notice)
        except msgspec.DecodeError:
            return []  # signed, but nothing we know
        values = [change.value for entry in notice.entry for change in entry.changes if change.field == "messages"]
        ours = [value for value in values if value.metadata.phone_number_id == self._number]
        return [one.id for value in ours for one in value.statuses if one.status == "failed"]
