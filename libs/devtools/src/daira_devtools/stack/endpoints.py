"""The addresses of a stack: everything follows from its base port."""

from msgspec import Struct

from daira_devtools.stack import table


class Endpoints(Struct, frozen=True, kw_only=True):
    """Where a running stack answers; ports come from `compose/native.toml`."""

    host: str
    base: int
    ports: dict[str, int]
    s3_access_key: str = "daira"
    s3_secret_key: str = "daira-secret"  # noqa: S105  (a local store on the loopback address)
    s3_bucket: str = "daira-media"

    @property
    def gateway_url(self) -> str:
        return f"http://{self.host}:{self.base}"

    def postgres_dsn(self, database: str) -> str:
        return f"postgresql://daira@{self.host}:{self.ports['postgres.sql']}/{database}"

    @property
    def redis_url(self) -> str:
        return f"redis://{self.host}:{self.ports['valkey.redis']}/0"

    @property
    def kafka_bootstrap(self) -> str:
        return f"{self.host}:{self.ports['kafka.broker']}"

    @property
    def cql_hosts(self) -> str:
        return self.host

    @property
    def cql_port(self) -> int:
        return self.ports["cassandra.cql"]

    @property
    def s3_endpoint(self) -> str:
        return f"http://{self.host}:{self.ports['s3.http']}"

    def service_url(self, service: str) -> str:
        return f"http://{self.host}:{self.ports[f'{service}.http']}"


def endpoints(base: int = 8080) -> Endpoints:
    """The addresses of the stack with that base port, whether it runs or not."""
    rows = table.load()
    return Endpoints(host=rows.host, base=base, ports=rows.ports(base))
