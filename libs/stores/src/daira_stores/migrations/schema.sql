-- The delivery tables every service database has. All migrations together must give exactly this (tested).
CREATE TABLE outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_id uuid NOT NULL,
    shard smallint NOT NULL,
    topic text NOT NULL,
    key text NOT NULL,
    value bytea,
    headers jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    published_at timestamptz
) WITH (autovacuum_vacuum_scale_factor = 0.01);
CREATE INDEX outbox_unpublished ON outbox (shard, id) WHERE published_at IS NULL;
CREATE INDEX outbox_published ON outbox (published_at) WHERE published_at IS NOT NULL;

CREATE TABLE inbox (
    event_id uuid NOT NULL,
    handler text NOT NULL,
    handled_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (event_id, handler)
) WITH (autovacuum_vacuum_scale_factor = 0.01);
CREATE INDEX inbox_handled_at ON inbox (handled_at);

CREATE TABLE idempotency (
    scope text NOT NULL,
    key text NOT NULL,
    body_hash bytea NOT NULL,
    status smallint,
    body bytea,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (scope, key)
);
CREATE INDEX idempotency_created_at ON idempotency (created_at);

CREATE TABLE job (
    kind text NOT NULL,
    key text NOT NULL,
    payload jsonb NOT NULL,
    traceparent text,
    cause text,
    state text NOT NULL DEFAULT 'DUE' CHECK (state IN ('DUE', 'DEAD')),
    attempts integer NOT NULL DEFAULT 0,
    deaths integer NOT NULL DEFAULT 0,
    due_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    leased_by text,
    leased_until timestamptz,
    last_error text,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (kind, key)
);
CREATE INDEX job_due ON job (kind, due_at) WHERE state = 'DUE';

CREATE TABLE broadcast (
    topic text NOT NULL,
    key text NOT NULL,
    value bytea NOT NULL,
    revision bigint NOT NULL,
    PRIMARY KEY (topic, key)
);
