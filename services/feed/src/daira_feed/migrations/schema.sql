-- The state after all migrations (tested).
-- Owned: posts and their revisions.
CREATE TABLE post (
    id uuid PRIMARY KEY,
    author_id uuid NOT NULL,
    state text NOT NULL CHECK (state IN ('PROCESSING', 'PUBLISHED', 'REJECTED', 'REMOVED')),
    revision bigint NOT NULL DEFAULT 1,
    content_revision integer NOT NULL DEFAULT 1,
    approved_revision integer NOT NULL DEFAULT 0,
    visibility text NOT NULL,
    reply_policy text NOT NULL,
    duet_of uuid,
    stitch_of uuid,
    quote_of uuid,
    reject_code text,
    created_at timestamptz NOT NULL,
    edited_at timestamptz,
    -- First time visible; the place in every timeline, so that an edit does not move a post.
    published_at timestamptz
);
CREATE INDEX post_timeline ON post (author_id, published_at DESC, id DESC) WHERE state = 'PUBLISHED';
CREATE INDEX post_of_author ON post (author_id, created_at DESC, id DESC) WHERE state <> 'REMOVED';

CREATE TABLE content (
    post_id uuid NOT NULL REFERENCES post ON DELETE CASCADE,
    revision integer NOT NULL,
    text text NOT NULL,
    hashtags text[] NOT NULL,
    media_ids uuid[] NOT NULL,
    decision text,
    decision_revision bigint NOT NULL DEFAULT 0,
    reason text,
    media text NOT NULL DEFAULT 'WAITING' CHECK (media IN ('WAITING', 'READY', 'FAILED')),
    media_code text,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (post_id, revision)
);
CREATE INDEX content_media ON content USING gin (media_ids);

-- How far a post is on its way to its followers' Circles.
CREATE TABLE spread (
    post_id uuid PRIMARY KEY REFERENCES post ON DELETE CASCADE,
    wanted text NOT NULL CHECK (wanted IN ('SHOWN', 'HIDDEN')),
    after_follower uuid,
    is_done boolean NOT NULL DEFAULT false
);

-- Projections of other services' state topics.
CREATE TABLE profile (
    user_id uuid PRIMARY KEY,
    revision bigint NOT NULL,
    is_active boolean NOT NULL,
    handle text NOT NULL,
    display_name text NOT NULL,
    avatar_url text,
    is_private boolean NOT NULL
);

CREATE TABLE relation (
    actor_id uuid NOT NULL,
    target_id uuid NOT NULL,
    revision bigint NOT NULL,
    follows boolean NOT NULL,
    blocks boolean NOT NULL,
    mutes boolean NOT NULL,
    PRIMARY KEY (actor_id, target_id)
);
CREATE INDEX relation_follower ON relation (target_id, actor_id) WHERE follows;
CREATE INDEX relation_target ON relation (target_id);

CREATE TABLE author (
    user_id uuid PRIMARY KEY,
    followers bigint NOT NULL DEFAULT 0,
    mode text NOT NULL DEFAULT 'PUSHED' CHECK (mode IN ('PUSHED', 'RISING', 'PULLED', 'FALLING'))
);

CREATE TABLE reader (
    user_id uuid PRIMARY KEY,
    active_at timestamptz,
    following bigint NOT NULL DEFAULT 0,
    following_revision bigint NOT NULL DEFAULT 0,
    data_saver text NOT NULL DEFAULT 'CELLULAR',
    settings_revision bigint NOT NULL DEFAULT 0
);

CREATE TABLE asset (
    media_id uuid PRIMARY KEY,
    owner_id uuid NOT NULL,
    revision bigint NOT NULL,
    kind text NOT NULL,
    state text NOT NULL,
    shape jsonb NOT NULL
);
CREATE INDEX asset_owner ON asset (owner_id);

CREATE TABLE video (
    video_id uuid PRIMARY KEY,
    owner_id uuid NOT NULL,
    revision bigint NOT NULL,
    state text NOT NULL,
    shape jsonb NOT NULL
);
CREATE INDEX video_owner ON video (owner_id);

-- Kept for ever: no replay brings these people back.
CREATE TABLE erased (
    user_id uuid PRIMARY KEY,
    erased_at timestamptz NOT NULL
);
