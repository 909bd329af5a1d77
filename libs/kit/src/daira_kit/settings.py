"""Settings come from the environment, once, into one frozen struct; every mistake is listed at the same time."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar

import msgspec

S = TypeVar("S", bound=msgspec.Struct)


class SettingsInvalid(SystemExit):
    """The environment does not make valid settings; the message lists every bad key."""


class CommonSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What every service process needs. A service's settings extend this struct."""

    env: Literal["dev", "prod"] = "prod"
    """`dev` allows sandbox providers; read from DAIRA_ENV."""
    host: str = "127.0.0.1"
    """Address the http role listens on."""
    port: int = 8000
    """Port of the http role; worker and relay roles serve health and metrics there too."""
    postgres_dsn: str
    """libpq connection string of this service's own database."""
    kafka_bootstrap: str
    """Comma-separated host:port of Kafka brokers."""
    cursor_secret: str
    """Signs cursors; the same for all replicas of the service."""
    root_public_key: str
    """PEM (base64 of the whole text) of the platform root key that signs signing-key announcements."""
    token_issuer: str = "https://auth.daira.app"  # noqa: S105
    """Expected `iss` of access tokens."""
    otlp_endpoint: str = ""
    """OTLP/HTTP collector; empty turns the export off (spans still exist)."""
    log_level: str = "INFO"
    """DEBUG, INFO, WARNING or ERROR."""
    topic_prefix: str = ""
    """Put before every topic and group name; used by tests that share a broker."""
    drain_seconds: float = 15.0
    """How long a stopping process finishes what it began, in seconds."""
    postgres_pool_size: int = 8
    """Most connections to PostgreSQL per process."""


class ObjectStoreSettings(CommonSettings, frozen=True, kw_only=True):
    """What services need beside that which write parts of a person's export, below `exports/`, and little else."""

    s3_endpoint: str
    """URL of the S3 server, with its scheme."""
    s3_access_key: str
    """Access key with write rights below `exports/`."""
    s3_secret_key: str
    """Its secret."""
    s3_bucket: str = "daira-media"
    """The bucket that all services share."""


class CdnSettings(CommonSettings, frozen=True, kw_only=True):
    """What services need beside that whose URLs caches in front of the gateway keep."""

    cdn_purge_url: str = ""
    """Where caches are told to forget a path, with `{prefix}` where the path goes; empty: there are no caches."""
    cdn_purge_token: str = ""
    """Bearer token for it."""
    cdn_purge_body: str = ""
    """JSON to send there, with `{prefix}` where the path goes."""


def load(type_: type[S], prefix: str, environ: Mapping[str, str] | None = None) -> S:
    """Read `PREFIX_FIELD` variables (and `PREFIX_FIELD_FILE` for mounted secrets) into `type_`.

    Raises SettingsInvalid naming every unknown, missing and malformed key at once.
    """
    source = dict(os.environ if environ is None else environ)
    fields = {field.name: field for field in msgspec.structs.fields(type_)}
    values, problems = _collect(fields, prefix, source)
    if "env" in fields:
        values["env"] = source.get("DAIRA_ENV", "prod")
    settings = _convert(type_, fields, values, prefix, problems)
    if problems or settings is None:
        raise SettingsInvalid("settings are not valid:\n  " + "\n  ".join(problems))
    return settings


def _collect(fields: Mapping[str, Any], prefix: str, source: Mapping[str, str]) -> tuple[dict[str, Any], list[str]]:
    values: dict[str, Any] = {}
    problems: list[str] = []
    for key in sorted(k for k in source if k.startswith(prefix)):
        name = key.removeprefix(prefix).lower()
        if name in fields:
            values[name] = source[key]
        elif name.endswith("_file") and name.removesuffix("_file") in fields:
            values[name.removesuffix("_file")] = Path(source[key]).read_text().strip()
        else:
            problems.append(f"{key}: no such setting")
    return values, problems


def _convert(
    type_: type[S], fields: Mapping[str, Any], values: dict[str, Any], prefix: str, problems: list[str]
) -> S | None:
    converted: dict[str, Any] = {}
    for name, field in fields.items():
        key = f"{prefix}{name.upper()}"
        if name not in values:
            if field.required:
                problems.append(f"{key}: missing")
            continue
        try:
            converted[name] = msgspec.convert(values[name], field.type, strict=False)
        except msgspec.ValidationError as error:
            problems.append(f"{key}: {error}")
    return None if problems else type_(**converted)


def environment(name: str, default: str = "") -> str:
    """One variable that is not a service's setting, such as where a test finds its stack."""
    return os.environ.get(name, default)


def surroundings() -> Mapping[str, str]:
    """Every variable, for tools that explain settings or reach what several services use; services never read it."""
    return dict(os.environ)
