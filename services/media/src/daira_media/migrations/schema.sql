-- The tables of media. All migrations together must give exactly this (tested).
CREATE TABLE upload (
    id uuid PRIMARY KEY,
    owner_id uuid NOT NULL,
    state text NOT NULL CHECK (state IN ('OPEN', 'COMPLETING', 'COMPLETE', 'EXPIRED', 'TERMINATED')),
    purpose text,
    content_type text,
    length bigint CHECK (length > 0),
    upload_offset bigint NOT NULL DEFAULT 0 CHECK (upload_offset >= 0),
    head bytea NOT NULL DEFAULT '',
    multipart_id text,
    parts_size bigint NOT NULL DEFAULT 0,
    next_part integer NOT NULL DEFAULT 1,
    tail_key text,
    tail_size bigint NOT NULL DEFAULT 0,
    fence bigint NOT NULL DEFAULT 0,
    leased_until timestamptz,
    is_partial boolean NOT NULL DEFAULT false,
    concat text,
    metadata json NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at timestamptz NOT NULL,
    reserved bigint NOT NULL DEFAULT 0,
    CHECK (length IS NULL OR upload_offset <= length)
);
CREATE INDEX upload_owner ON upload (owner_id) WHERE state IN ('OPEN', 'COMPLETING') OR is_partial;

CREATE TABLE upload_part (
    upload_id uuid NOT NULL REFERENCES upload (id) ON DELETE CASCADE,
    number integer NOT NULL,
    etag text NOT NULL,
    size bigint NOT NULL,
    PRIMARY KEY (upload_id, number)
);

CREATE TABLE asset (
    id uuid PRIMARY KEY,
    owner_id uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('VIDEO', 'IMAGE', 'VOICE', 'AVATAR')),
    state text NOT NULL CHECK (state IN ('UPLOADED', 'PROCESSING', 'READY', 'FAILED', 'REMOVED')),
    storage_key text NOT NULL,
    content_type text NOT NULL,
    size_bytes bigint NOT NULL,
    capability text NOT NULL UNIQUE,
    failure_code text,
    renditions jsonb NOT NULL DEFAULT '[]',
    duration_ms integer,
    waveform integer[] NOT NULL DEFAULT '{}',
    blurhash text,
    revision bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    capability_since timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX asset_owner ON asset (owner_id, id);

CREATE TABLE video (
    id uuid PRIMARY KEY,
    owner_id uuid NOT NULL,
    revision bigint NOT NULL,
    state text NOT NULL,
    failure_code text,
    hls_url text,
    mp4_url text,
    poster_url text,
    blurhash text,
    duration_ms integer NOT NULL,
    width integer NOT NULL,
    height integer NOT NULL,
    variants jsonb NOT NULL
);
CREATE INDEX video_owner ON video (owner_id);

CREATE TABLE video_progress (
    id uuid PRIMARY KEY,
    owner_id uuid NOT NULL,
    percent integer NOT NULL,
    stage text NOT NULL,
    reported_at timestamptz NOT NULL
);
CREATE INDEX video_progress_owner ON video_progress (owner_id);

CREATE TABLE erased_person (
    id uuid PRIMARY KEY,
    erased_at timestamptz NOT NULL
);

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

CREATE TABLE shown (
    post_id uuid NOT NULL,
    media_id uuid NOT NULL,
    author_id uuid NOT NULL,
    audience smallint NOT NULL,
    revision bigint NOT NULL,
    PRIMARY KEY (post_id, media_id)
);
CREATE INDEX shown_media ON shown (media_id, author_id);
CREATE INDEX shown_author ON shown (author_id);

CREATE TABLE account (
    id uuid PRIMARY KEY,
    is_private boolean NOT NULL,
    revision bigint NOT NULL
);

CREATE TABLE follower (
    author_id uuid NOT NULL,
    follower_id uuid NOT NULL,
    revision bigint NOT NULL,
    PRIMARY KEY (author_id, follower_id)
);
CREATE INDEX follower_follower ON follower (follower_id);

CREATE TABLE narrowing (
    author_id uuid PRIMARY KEY,
    is_of_all boolean NOT NULL,
    first_at timestamptz NOT NULL,
    last_at timestamptz NOT NULL
);
