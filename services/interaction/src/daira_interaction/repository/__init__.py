"""What interaction remembers: events in ScyllaDB or Cassandra, the rest in PostgreSQL."""
