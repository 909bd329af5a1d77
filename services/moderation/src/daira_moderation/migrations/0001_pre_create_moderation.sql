-- Verdicts and the texts they may have to be reached on again, cases, word lists, and who is erased.
CREATE TABLE verdict (
    subject text NOT NULL CHECK (subject IN ('POST', 'PROFILE')),
    subject_id text NOT NULL,
    author_id uuid NOT NULL,
    seen bigint NOT NULL,
    judged bigint NOT NULL,
    revision bigint NOT NULL,
    decision text CHECK (decision IN ('APPROVED', 'REJECTED', 'NEEDS_REVIEW')),
    reasons jsonb NOT NULL DEFAULT '[]',
    policy_version bigint NOT NULL,
    decided_at timestamptz NOT NULL,
    gone boolean NOT NULL DEFAULT false,
    approved bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (subject, subject_id)
);
CREATE INDEX verdict_author ON verdict (author_id);

CREATE TABLE judged_text (
    subject text NOT NULL,
    subject_id text NOT NULL,
    revision bigint NOT NULL,
    texts text[] NOT NULL,
    handle text NOT NULL,
    PRIMARY KEY (subject, subject_id, revision),
    FOREIGN KEY (subject, subject_id) REFERENCES verdict ON DELETE CASCADE
);

CREATE TABLE review_case (
    id uuid PRIMARY KEY,
    subject text NOT NULL,
    subject_id text NOT NULL,
    subject_revision bigint NOT NULL,
    author_id uuid NOT NULL,
    reasons jsonb NOT NULL,
    state text NOT NULL CHECK (state IN ('OPEN', 'DECIDED', 'OBSOLETE')),
    opened_at timestamptz NOT NULL,
    decision text,
    reason_code text,
    decided_by uuid,
    decided_at timestamptz,
    UNIQUE (subject, subject_id, subject_revision)
);
CREATE INDEX review_case_open ON review_case (opened_at, id) WHERE state = 'OPEN';
CREATE INDEX review_case_author ON review_case (author_id);

CREATE TABLE wordlist (
    list_id text PRIMARY KEY,
    version bigint NOT NULL,
    entries jsonb NOT NULL,
    published_at timestamptz NOT NULL
);

CREATE TABLE erased_person (
    user_id uuid PRIMARY KEY,
    erased_at timestamptz NOT NULL
);
