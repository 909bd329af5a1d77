"""Settings of interaction; each field is an environment variable DAIRA_INTERACTION_<FIELD>."""

from daira_kit.settings import ObjectStoreSettings


class Settings(ObjectStoreSettings, frozen=True, kw_only=True):
    """Where events are kept, and how many one person may send."""

    redis_url: str
    """Counts of the limits: `redis://…` or `redis+cluster://…`."""
    cql_hosts: str
    """Comma-separated addresses of ScyllaDB or Cassandra."""
    cql_port: int = 9042
    """Port of the CQL protocol."""
    cql_keyspace: str
    """This service's own keyspace; whoever runs the cluster creates it, with its replication."""
    events_per_minute: int = 3000
    """Most events one person may send in a minute, whatever the size of the batches."""
