-- What all migrations together must give (tested). People, challenges, sessions, refresh tokens, signing keys, staff.
CREATE TABLE person (
    id uuid PRIMARY KEY,
    phone text NOT NULL UNIQUE,
    locale text NOT NULL,
    registered_at timestamptz NOT NULL,
    erases_at timestamptz
);

CREATE TABLE challenge (
    id uuid PRIMARY KEY,
    phone text NOT NULL,
    device_id text,
    platform text,
    can_read_caller_id boolean NOT NULL,
    locale text NOT NULL,
    channel text NOT NULL CHECK (channel IN ('FLASH_CALL', 'WHATSAPP_OTP', 'SMS_OTP')),
    state text NOT NULL DEFAULT 'OPEN' CHECK (state IN ('OPEN', 'VERIFIED')),
    checks_left smallint NOT NULL CHECK (checks_left >= 0),
    code_mac bytea,
    provider_ref text,
    sent_at timestamptz NOT NULL,
    resend_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    undelivered_ref text
);
CREATE INDEX challenge_expires_at ON challenge (expires_at);
CREATE INDEX challenge_provider_ref ON challenge (provider_ref) WHERE provider_ref IS NOT NULL;
CREATE INDEX challenge_phone ON challenge (phone);

CREATE TABLE session (
    id uuid PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES person (id) ON DELETE CASCADE,
    device_id text,
    platform text,
    authenticated_at timestamptz NOT NULL,
    last_used_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz
);
CREATE INDEX session_user_id ON session (user_id, id);
CREATE INDEX session_expires_at ON session (expires_at);

CREATE TABLE refresh_token (
    id uuid PRIMARY KEY,
    session_id uuid NOT NULL REFERENCES session (id) ON DELETE CASCADE,
    secret_sha256 bytea NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at timestamptz,
    used_by bytea,
    successor_id uuid,
    sealed_answer text
);
CREATE INDEX refresh_token_session_id ON refresh_token (session_id);
CREATE INDEX refresh_token_sealed ON refresh_token (used_at) WHERE sealed_answer IS NOT NULL;

CREATE TABLE signing_key (
    kid text PRIMARY KEY,
    public_x text NOT NULL,
    public_y text NOT NULL,
    sealed_private text NOT NULL,
    created_at timestamptz NOT NULL,
    not_before timestamptz NOT NULL,
    state text NOT NULL CHECK (state IN ('ANNOUNCED', 'ACTIVE', 'RETIRED')),
    revision integer NOT NULL
);

CREATE TABLE staff_role (
    user_id uuid NOT NULL REFERENCES person (id) ON DELETE CASCADE,
    role text NOT NULL,
    granted_at timestamptz NOT NULL,
    PRIMARY KEY (user_id, role)
);
