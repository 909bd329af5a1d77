-- Videos, their rungs, and who was erased. All migrations together give exactly this (tested).
CREATE TABLE video (
    id uuid PRIMARY KEY,
    owner_id uuid NOT NULL,
    storage_key text NOT NULL,
    size_bytes bigint NOT NULL,
    state text NOT NULL CHECK (
        state IN ('UPLOADED', 'PROBING', 'PROCESSING', 'PLAYABLE', 'READY', 'FAILED', 'REMOVED')),
    revision bigint NOT NULL DEFAULT 0,
    playback_id text,
    failure_code text,
    source jsonb,
    poster jsonb,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    playback_since timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE UNIQUE INDEX video_playback_id ON video (playback_id);
CREATE INDEX video_owner ON video (owner_id, id);

CREATE TABLE rendition (
    video_id uuid NOT NULL REFERENCES video (id) ON DELETE CASCADE,
    name text NOT NULL,
    width integer NOT NULL,
    height integer NOT NULL,
    rate text NOT NULL,
    codecs text NOT NULL,
    peak_bps bigint NOT NULL,
    average_bps bigint NOT NULL,
    segments integer NOT NULL,
    size_bytes bigint NOT NULL,
    has_mp4 boolean NOT NULL,
    PRIMARY KEY (video_id, name)
);

CREATE TABLE erased_person (
    id uuid PRIMARY KEY,
    erased_at timestamptz NOT NULL
);

CREATE TABLE shown (
    post_id uuid NOT NULL,
    video_id uuid NOT NULL,
    author_id uuid NOT NULL,
    audience smallint NOT NULL,
    revision bigint NOT NULL,
    PRIMARY KEY (post_id, video_id)
);
CREATE INDEX shown_video ON shown (video_id, author_id);
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
