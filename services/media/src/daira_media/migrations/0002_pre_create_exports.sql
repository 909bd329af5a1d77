-- Archives of what the platform knows about a person, and which services have written their parts.
CREATE TABLE export (
    id uuid PRIMARY KEY,
    owner_id uuid NOT NULL,
    state text NOT NULL CHECK (state IN ('PROCESSING', 'READY', 'FAILED')),
    capability text NOT NULL UNIQUE,
    size_bytes bigint NOT NULL DEFAULT 0,
    failure_code text,
    expires_at timestamptz NOT NULL
);
CREATE INDEX export_owner ON export (owner_id);

CREATE TABLE export_part (
    export_id uuid NOT NULL REFERENCES export (id) ON DELETE CASCADE,
    service text NOT NULL,
    PRIMARY KEY (export_id, service)
);
