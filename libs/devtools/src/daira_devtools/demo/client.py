"""A client as a phone has it: one base URL, a token, problem+json errors."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

JsonObject = dict[str, Any]
UNEXPECTED = (LookupError, TypeError, ValueError, AttributeError, httpx.InvalidURL)
"""What reading an answer raises when it is not of the shape that the reader expects."""


class DemoFailed(Exception):
    """A step did not do what it should; the message is the one line a person needs."""


class Phone:
    """One person's application. Not for more than one thread."""

    def __init__(self, base_url: str, name: str) -> None:
        self.base_url, self.name = base_url.rstrip("/"), name
        self.user_id = ""
        self.answered: tuple[float, str] = (0.0, "nothing was answered yet")
        """When the newest answer came, and one line for it."""
        self.http = httpx.Client(base_url=self.base_url, timeout=30, trust_env=False)

    def close(self) -> None:
        """Close the connections."""
        self.http.close()

    def sign_in(self, token: str, user_id: str) -> None:
        """Use this access token from now on."""
        self.user_id = user_id
        self.http.headers["Authorization"] = f"Bearer {token}"

    def get(self, path: str, **params: str | int) -> JsonObject:
        """GET and decode; raises DemoFailed for an error."""
        return self.call("GET", path, params=params)

    def post(self, path: str, body: JsonObject, **headers: str) -> JsonObject:
        """POST JSON and decode; raises DemoFailed for an error."""
        return self.call("POST", path, json=body, headers=headers)

    def call(self, method: str, path: str, **options: Any) -> JsonObject:
        """Any request; raises DemoFailed with code, detail and request id."""
        response = self.ask(method, path, **options)
        if response.is_error:
            raise DemoFailed(describe(response))
        try:
            body: object = response.json() if response.content else {}
        except ValueError:
            raise DemoFailed(f"not JSON: {describe(response)}") from None
        if not isinstance(body, dict):
            raise DemoFailed(f"not an object: {describe(response)}")
        return body

    def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Any request, whatever the answer's status; raises DemoFailed when there is no answer."""
        response = exchange(self.http, method, path, **options)
        self.answered = (time.monotonic(), describe(response))
        return response


def exchange(client: httpx.Client, method: str, url: httpx.URL | str, **options: Any) -> httpx.Response:
    """A request of any client; raises DemoFailed when there is no answer."""
    try:
        return client.request(method, url, **options)
    except httpx.HTTPError as error:
        path = httpx.URL(url).path
        raise DemoFailed(f"{method} {path}: no answer: {str(error) or type(error).__name__}") from error


def describe(response: httpx.Response) -> str:
    """One line for an error answer."""
    where = f"{response.request.method} {response.request.url.path}: {response.status_code}"
    try:
        problem = response.json()
        return f"{where} {problem['code']}: {problem['detail']} (request {problem.get('requestId', '?')})"
    except (ValueError, KeyError, TypeError):
        return f"{where} {' '.join(response.text[:200].split())}"


@contextmanager
def understood(*phones: Phone) -> Iterator[None]:
    """An answer of another shape than the block expects raises DemoFailed, with the newest answer of `phones`."""
    try:
        yield
    except UNEXPECTED as error:
        _, newest = max(phone.answered for phone in phones)
        raise DemoFailed(f"not as expected, {type(error).__name__} {error} after {newest}") from error
