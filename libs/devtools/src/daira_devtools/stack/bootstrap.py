"""What must exist in the stores before a service may start. Every step may be repeated."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from importlib import import_module

import psycopg
from minio import Minio
from psycopg import sql

from daira_devtools.stack import valkey_cluster
from daira_devtools.stack.addresses import Endpoints

WITH_KEYSPACE = ("interaction", "notification")
PATIENCE = {"connect_timeout": 20, "control_connection_timeout": 20}
"""Seconds. A server just started on a busy machine answers its first questions slowly."""
CREATE_KEYSPACE = (
    "CREATE KEYSPACE IF NOT EXISTS daira_%s WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}"
)


async def databases(endpoints: Endpoints) -> None:
    """One database a service."""
    async with await psycopg.AsyncConnection.connect(endpoints.postgres_dsn("postgres"), autocommit=True) as connection:
        rows = await (await connection.execute("SELECT datname FROM pg_database")).fetchall()
        for name in sorted({f"daira_{service}" for service in endpoints.services} - {row[0] for row in rows}):
            await connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))


async def keyspaces(endpoints: Endpoints) -> None:
    """One keyspace, one replica, for each service that keeps data in Cassandra."""
    await asyncio.to_thread(_keyspaces, endpoints)


def _keyspaces(endpoints: Endpoints) -> None:
    from cassandra.cluster import Cluster  # slow to import, needed by this step only

    with Cluster([endpoints.cql_hosts], port=endpoints.cql_port, **PATIENCE) as cluster:
        session = cluster.connect()
        for service in WITH_KEYSPACE:
            session.execute(CREATE_KEYSPACE % service, timeout=30)


async def bucket(endpoints: Endpoints) -> None:
    """The one bucket; services share it by prefix."""
    await asyncio.to_thread(_bucket, endpoints)


def _bucket(endpoints: Endpoints) -> None:
    client = Minio(
        endpoints.s3_endpoint.removeprefix("http://"),
        access_key=endpoints.s3_access_key,
        secret_key=endpoints.s3_secret_key,
        secure=False,
        region="us-east-1",
    )
    if not client.bucket_exists(endpoints.s3_bucket):
        client.make_bucket(endpoints.s3_bucket)


async def topics(endpoints: Endpoints) -> None:
    """Every topic of `contracts/topics`, with its partitions and retention."""
    await import_module("daira_bus.topics").apply(endpoints.kafka_bootstrap)


async def cluster(endpoints: Endpoints) -> None:
    """Three Valkey nodes become one cluster: they meet, and share the 16,384 slots."""
    await asyncio.to_thread(valkey_cluster.form, endpoints.cluster_nodes)


STEPS: Mapping[str, Callable[[Endpoints], Awaitable[None]]] = {
    "databases": databases,
    "keyspaces": keyspaces,
    "bucket": bucket,
    "topics": topics,
    "cluster": cluster,
}
