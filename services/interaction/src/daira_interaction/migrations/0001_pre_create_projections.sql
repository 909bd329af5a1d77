-- What other services told, as far as it bounds what a client may claim.
CREATE TABLE post (
    post_id uuid PRIMARY KEY,
    media_ids uuid[] NOT NULL,
    revision bigint NOT NULL
);

CREATE TABLE video (
    video_id uuid PRIMARY KEY,
    duration_ms integer NOT NULL,
    revision bigint NOT NULL
);

-- Kept for ever: a replay of the log brings nobody back.
CREATE TABLE erased_user (
    user_id uuid PRIMARY KEY,
    erased_at timestamptz NOT NULL
);
