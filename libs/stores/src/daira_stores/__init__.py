"""Stores: PostgreSQL with the delivery tables, Redis, CQL and S3. No query about users or videos lives here."""
