"""SMS through Sinch's REST API (`/xms/v1/{service plan}/batches`): the last and dearest channel."""

import httpx
import msgspec

from daira_auth.adapters.http import exchange

TEXTS = {"ar": "رمز دايرة: {code}\nلا تشاركه مع أحد.", "en": "DAIRA code: {code}\nDo not share it."}


class Batch(msgspec.Struct):
    """The part of the answer that is used."""

    id: str


class SmsCodes:
    """Sends a short text: one Unicode segment of 70 characters in Arabic, one GSM segment in English."""

    def __init__(self, client: httpx.AsyncClient, token: str, service_plan_id: str, sender: str, base_url: str) -> None:
        """`sender` is the registered sender name; Egyptian operators drop unregistered ones."""
        self._client, self._token, self._sender = client, token, sender
        self._url = f"{base_url.rstrip('/')}/xms/v1/{service_plan_id}/batches"

    async def send(self, phone: str, code: str, locale: str) -> str:
        """Hand the message over and return the batch id. Raises ChannelFailed."""
        text = TEXTS["en" if locale.startswith("en") else "ar"].format(code=code)
        request = self._client.build_request(
            "POST",
            self._url,
            content=msgspec.json.encode({"from": self._sender, "to": [phone], "body": text}),
            headers={"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"},
        )
        answer = await exchange(self._client, request, Batch)
        return answer.id
