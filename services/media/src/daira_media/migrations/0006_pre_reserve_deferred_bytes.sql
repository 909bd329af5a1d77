-- How far an upload of unknown length may be stored: its owner's quota counts it before a byte goes to S3.
ALTER TABLE upload ADD COLUMN reserved bigint NOT NULL DEFAULT 0;
