"""Redis URLs."""

from urllib.parse import unquote, urlsplit

import msgspec

from daira_feed.repository.wire.commands import pack_raw

CLUSTER = "redis+cluster"
TLS = ("rediss", "rediss+cluster")


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """Where to connect and what to say first."""

    host: str
    port: int
    is_cluster: bool
    tls: bool
    hello: bytes
    hello_replies: int


def parse(url: str) -> Address:
    """`redis://user:password@host:port/number`, `rediss://…`, `redis+cluster://…`."""
    parts = urlsplit(url)
    is_cluster = parts.scheme.endswith("+cluster")
    hello: list[bytes] = []
    if parts.password:
        user = [unquote(parts.username)] if parts.username else []
        hello.append(pack_raw("AUTH", *user, unquote(parts.password)))
    number = parts.path.strip("/")
    if number not in ("", "0") and not is_cluster:
        hello.append(pack_raw("SELECT", number))
    return Address(
        host=parts.hostname or "127.0.0.1",
        port=parts.port or 6379,
        is_cluster=is_cluster,
        tls=parts.scheme in TLS,
        hello=b"".join(hello),
        hello_replies=len(hello),
    )
