-- Who may watch also depends on accounts and followers; and whose uploads need other URLs because of that.
ALTER TABLE asset ADD COLUMN capability_since timestamptz NOT NULL DEFAULT clock_timestamp();
DROP INDEX asset_owner;
CREATE INDEX asset_owner ON asset (owner_id, id);

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
