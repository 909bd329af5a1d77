-- Which posts show which uploads, and to whom: when nobody of a wider circle may see one any more, its URLs change.
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
