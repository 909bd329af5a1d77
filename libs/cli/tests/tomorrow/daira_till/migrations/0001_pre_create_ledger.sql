-- What its handler moves.
CREATE TABLE ledger (event_id uuid PRIMARY KEY, piastres bigint NOT NULL);
