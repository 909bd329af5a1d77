-- What operators did by hand and why; written from admin.operator-acted.v1, never changed.
CREATE TABLE operator_act (
    act_id uuid PRIMARY KEY,
    acted_at timestamptz NOT NULL,
    operator text NOT NULL,
    act text NOT NULL,
    subjects text[] NOT NULL,
    reason text NOT NULL
);
CREATE INDEX operator_act_acted_at ON operator_act (acted_at);
