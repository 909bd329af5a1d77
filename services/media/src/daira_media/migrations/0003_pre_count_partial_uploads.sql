-- Parts that wait for their concatenation count against the quota, so they are found by their owner too.
DROP INDEX upload_owner;
CREATE INDEX upload_owner ON upload (owner_id) WHERE state IN ('OPEN', 'COMPLETING') OR is_partial;
