"""The addresses of a stack: native and containers follow from a base port, an external one is written in a file."""

import tomllib
from collections.abc import Mapping
from pathlib import Path

import msgspec
from msgspec import Struct

from daira_devtools.stack import place, table
from daira_devtools.stack.errors import StackError


class Endpoints(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a stack answers. `postgres_server` is a URL without a database; `cql_hosts` may be several, with commas."""

    gateway_url: str
    postgres_server: str
    redis_url: str
    kafka_bootstrap: str
    cql_hosts: str
    cql_port: int
    s3_endpoint: str
    s3_access_key: str
    s3_secret_key: str
    s3_bucket: str
    services: Mapping[str, str] = {}
    cluster_nodes: tuple[str, ...] = ()

    def postgres_dsn(self, database: str) -> str:
        return f"{self.postgres_server}/{database}"

    def service_url(self, service: str) -> str:
        """Past the gateway, straight to one service."""
        return self.services[service]


def endpoints(base: int = 8080) -> Endpoints:
    """The addresses of the stack with that base port, whether it runs or not.

    With `DAIRA_STACK=external` the base is ignored and `DAIRA_STACK_FILE` names a TOML file of these fields.
    """
    if place.mode() == "external":
        return external(place.surroundings().get("DAIRA_STACK_FILE", ""))
    return of(table.load(), base)


def of(rows: table.Table, base: int) -> Endpoints:
    """The addresses of a native stack."""
    port = rows.ports(base)
    values = rows.service.settings
    return Endpoints(
        gateway_url=f"http://{rows.host}:{port['envoy.http']}",
        postgres_server=f"postgresql://daira@{rows.host}:{port['postgres.sql']}",
        redis_url=f"redis://{rows.host}:{port['valkey.redis']}/0",
        kafka_bootstrap=f"{rows.host}:{port['kafka.broker']}",
        cql_hosts=rows.host,
        cql_port=port["cassandra.cql"],
        s3_endpoint=f"http://{rows.host}:{port['s3.http']}",
        s3_access_key=values["s3_access_key"],
        s3_secret_key=values["s3_secret_key"],
        s3_bucket=values["s3_bucket"],
        services={name: f"http://{rows.host}:{port[f'{name}.http']}" for name in rows.service.names},
        cluster_nodes=tuple(f"{rows.host}:{port[f'cluster-{node}.redis']}" for node in (1, 2, 3)),
    )


def external(path: str) -> Endpoints:
    """Reads the addresses of a stack somebody else runs. Raises `StackError` naming what is wrong with the file."""
    try:
        return msgspec.convert(tomllib.loads(Path(path).read_text()), Endpoints)
    except (OSError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise StackError(f"DAIRA_STACK=external needs DAIRA_STACK_FILE, a TOML file of addresses: {error}") from error
