"""How to reach what the services use: by their own environment, by a local stack's base port, or as told."""

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cyclopts import Parameter

from daira_cli.errors import Usage
from daira_cli.services import AnyService, names
from daira_kit.settings import SettingsInvalid, load, surroundings

LOCAL = "127.0.0.1"
# Offsets from the base port of a local stack.
POSTGRES, VALKEY, KAFKA, CQL, S3, FIRST_SERVICE = 10, 11, 12, 14, 16, 30
IN_ORDER_OF_PORTS = (
    "auth",
    "user",
    "feed",
    "media",
    "interaction",
    "notification",
    "moderation",
    "wallet",
    "payments",
    "admin",
    "video",
)
NOWHERE = "say where: --stack 8080 for the local stack, or the environment of a service (DAIRA_FEED_KAFKA_BOOTSTRAP=…)"


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Where:
    """The environment of the services themselves, `DAIRA_<SERVICE>_<SETTING>`; `stack` fills in what it leaves out."""

    stack: Annotated[int | None, Parameter(help="Base port of a local stack (8080), for what is not set.")] = None
    bootstrap: Annotated[str | None, Parameter(help="Kafka brokers, host:port with commas.")] = None
    prefix: Annotated[
        str | None, Parameter(help="Before every topic and group name (`DAIRA_<SERVICE>_TOPIC_PREFIX`).")
    ] = None

    def kafka(self) -> str:
        """host:port of brokers. Raises Usage when nothing says where, or the services disagree."""
        if self.bootstrap:
            return self.bootstrap
        values = _values("KAFKA_BOOTSTRAP")
        if len(values) > 1:
            raise Usage(f"the services' environments disagree: {', '.join(sorted(values))}", then="choose: --bootstrap")
        if values:
            return values.pop()
        if self.stack is not None:
            return f"{LOCAL}:{self.stack + KAFKA}"
        raise Usage("no DAIRA_<SERVICE>_KAFKA_BOOTSTRAP is set", then=NOWHERE, code="nowhere")

    def topic_prefix(self) -> str:
        """What comes before every topic and group name; empty in production."""
        if self.prefix is not None:
            return self.prefix
        return next(iter(_values("TOPIC_PREFIX")), "")

    def settings(self, service: AnyService, **overrides: str) -> Any:
        """The service's own settings; `overrides` by field name. Raises Usage listing every missing or bad variable.

        With `--stack` missing addresses are the stack's, and missing secrets are made up: they sign nothing that
        anybody else reads.
        """
        start = start_of(service)
        try:
            return load(service.settings, start, self.environ(service, **overrides))
        except SettingsInvalid as error:
            raise Usage(str(error), then=NOWHERE, code="settings_invalid") from None

    def environ(self, service: AnyService, **overrides: str) -> dict[str, str]:
        """Every variable as the service would see it."""
        told = {"kafka_bootstrap": self.bootstrap, "topic_prefix": self.prefix, **overrides}
        given = {start_of(service) + field.upper(): value for field, value in told.items() if value is not None}
        return {**self.filled_in(service), **surroundings(), **given}

    def filled_in(self, service: AnyService) -> dict[str, str]:
        """What `stack` gives to a service whose environment leaves it out."""
        if self.stack is None:
            return {}
        known = {field.name for field in msgspec.structs.fields(service.settings)}
        values = _local_values(service.name, self.stack)
        start = start_of(service)
        return {"DAIRA_ENV": "dev"} | {start + name.upper(): value for name, value in values.items() if name in known}


def start_of(service: AnyService) -> str:
    """What a service's variables begin with."""
    return f"DAIRA_{service.name.upper()}_"


def _values(setting: str) -> set[str]:
    environ: Mapping[str, str] = surroundings()
    keys = (f"DAIRA_{service.upper()}_{setting}" for service in names())
    return {environ[key] for key in keys if environ.get(key)}


def _local_values(service: str, base: int) -> dict[str, str]:
    private, public = _throw_away_root_key()
    return {
        "host": LOCAL,
        "port": str(base + FIRST_SERVICE + IN_ORDER_OF_PORTS.index(service)),
        "public_url": f"http://{LOCAL}:{base}",
        "postgres_dsn": f"postgresql://daira@{LOCAL}:{base + POSTGRES}/daira_{service}",
        "kafka_bootstrap": f"{LOCAL}:{base + KAFKA}",
        "redis_url": f"redis://{LOCAL}:{base + VALKEY}/0",
        "cql_hosts": LOCAL,
        "cql_port": str(base + CQL),
        "cql_keyspace": f"daira_{service}",
        "s3_endpoint": f"http://{LOCAL}:{base + S3}",
        "s3_access_key": "daira",
        "s3_secret_key": "daira-secret",
        "s3_bucket": "daira-media",
        "cursor_secret": "of-no-process-that-serves",
        "secret": "of-no-process-that-serves-" + "0" * 16,
        "root_private_key": private,
        "root_public_key": public,
    }


@cache
def _throw_away_root_key() -> tuple[str, str]:
    key = generate_private_key(SECP256R1())
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return b64encode(private).decode(), b64encode(public).decode()
