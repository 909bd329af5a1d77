-- Which posts show which videos, and to whom: when nobody of a wider circle may watch any more, the URL changes.
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
