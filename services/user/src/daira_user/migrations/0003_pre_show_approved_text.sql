-- Others see only text that passed; what waits for a verdict is shown to nobody else until it comes.
ALTER TABLE profile ADD COLUMN approved_revision bigint NOT NULL DEFAULT 1;
UPDATE profile SET approved_revision =
    CASE WHEN (display_name, bio) = (approved_display_name, approved_bio) THEN text_revision ELSE 0 END;
