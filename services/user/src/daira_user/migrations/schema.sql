-- What all migrations together must give (tested). People, their handles, pictures, settings, relations.
CREATE TABLE profile (
    user_id uuid PRIMARY KEY,
    revision bigint NOT NULL DEFAULT 1,
    handle text NOT NULL,
    handle_key text NOT NULL UNIQUE,
    display_name text NOT NULL DEFAULT '',
    bio text NOT NULL DEFAULT '',
    avatar_media_id uuid,
    avatar_url text,
    locale text NOT NULL,
    is_private boolean NOT NULL DEFAULT false,
    interests text[] NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    text_revision bigint NOT NULL DEFAULT 1,
    approved_display_name text NOT NULL DEFAULT '',
    approved_bio text NOT NULL DEFAULT '',
    refused_code text,
    approved_revision bigint NOT NULL DEFAULT 1
);
CREATE INDEX profile_avatar ON profile (avatar_media_id) WHERE avatar_media_id IS NOT NULL;

CREATE TABLE handle_change (
    user_id uuid NOT NULL,
    handle text NOT NULL,
    changed_at timestamptz NOT NULL,
    PRIMARY KEY (user_id, changed_at)
);

CREATE TABLE handle_hold (
    digest bytea PRIMARY KEY,
    user_id uuid,
    until timestamptz NOT NULL
);
CREATE INDEX handle_hold_until ON handle_hold (until);

CREATE TABLE erased_person (
    user_id uuid PRIMARY KEY,
    erased_at timestamptz NOT NULL
);

CREATE TABLE picture (
    media_id uuid PRIMARY KEY,
    owner_id uuid NOT NULL,
    state text NOT NULL CHECK (state IN ('WAITING', 'READY', 'FAILED')),
    url text,
    revision bigint NOT NULL
);
CREATE INDEX picture_owner ON picture (owner_id);

CREATE TABLE setting (
    user_id uuid PRIMARY KEY,
    data_saver text NOT NULL CHECK (data_saver IN ('ALWAYS', 'CELLULAR', 'NEVER')),
    revision bigint NOT NULL
);

CREATE SEQUENCE relation_revision;

CREATE TABLE relation (
    actor_id uuid NOT NULL,
    target_id uuid NOT NULL,
    follow text NOT NULL CHECK (follow IN ('NONE', 'REQUESTED', 'FOLLOWING')),
    since timestamptz,
    blocks boolean NOT NULL,
    mutes boolean NOT NULL,
    changed_at timestamptz NOT NULL,
    PRIMARY KEY (actor_id, target_id),
    CHECK (actor_id <> target_id)
);
CREATE INDEX relation_following ON relation (actor_id, since DESC, target_id DESC) WHERE follow = 'FOLLOWING';
CREATE INDEX relation_followers ON relation (target_id, since DESC, actor_id DESC) WHERE follow = 'FOLLOWING';
CREATE INDEX relation_requests ON relation (target_id, since DESC, actor_id DESC) WHERE follow = 'REQUESTED';
CREATE INDEX relation_blocks ON relation (actor_id, changed_at DESC, target_id DESC) WHERE blocks;
CREATE INDEX relation_mutes ON relation (actor_id, changed_at DESC, target_id DESC) WHERE mutes;
CREATE INDEX relation_target ON relation (target_id);

CREATE TABLE follow_count (
    user_id uuid NOT NULL,
    bucket smallint NOT NULL,
    followers bigint NOT NULL DEFAULT 0,
    following bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (user_id, bucket)
);
