-- Bootstraps, what is under way with them, the keys by which a request is told from its repetition, and the
-- API tokens. Nothing here is secret: a bootstrap's token follows from the master key and its id, and of an API
-- token there is a hash.

-- Every public half of a token that was ever taken, so that none is taken twice: its row outlives a
-- bootstrap that was given up.
CREATE TABLE token_ids (
    token_id  TEXT PRIMARY KEY,
    bootstrap TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE bootstraps (
    seq        INTEGER PRIMARY KEY AUTOINCREMENT, -- the order of creation, which pages are cut by
    id         TEXT    NOT NULL UNIQUE,
    workspace  TEXT    NOT NULL,
    cluster    TEXT    NOT NULL,
    token_id   TEXT    NOT NULL REFERENCES token_ids (token_id),
    -- issuing: durable, not answered for yet, not listed. abandoned: to be withdrawn from the cluster and removed.
    state      TEXT    NOT NULL CHECK (state IN ('issuing', 'active', 'revoked', 'abandoned')),
    created_at INTEGER NOT NULL, -- unix seconds, as all times here
    updated_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    etag       INTEGER NOT NULL,
    used_node  TEXT, -- the node that the cluster bound the token to
    used_key   TEXT, -- the hash of its public key
    joined_at  INTEGER -- when that node had proven itself: the token's use is complete
);
CREATE INDEX bootstraps_of_cluster ON bootstraps (workspace, cluster);
CREATE INDEX bootstraps_unsettled ON bootstraps (state) WHERE state IN ('issuing', 'abandoned');

CREATE TABLE operations (
    id           TEXT    PRIMARY KEY,
    bootstrap    TEXT    NOT NULL UNIQUE REFERENCES bootstraps (id), -- a bootstrap is revoked once
    state        TEXT    NOT NULL CHECK (state IN ('RUNNING', 'SUCCEEDED')),
    note         TEXT, -- how it went
    last_error   TEXT, -- why it has not gone yet
    started_at   INTEGER NOT NULL,
    completed_at INTEGER
) WITHOUT ROWID;
CREATE INDEX operations_running ON operations (state) WHERE state = 'RUNNING';

CREATE TABLE idempotency_keys (
    workspace TEXT NOT NULL,
    cluster   TEXT NOT NULL,
    operation TEXT NOT NULL CHECK (operation IN ('create', 'revoke')),
    key       TEXT NOT NULL,
    request   TEXT NOT NULL, -- what was asked for, to tell a repetition from another request
    bootstrap TEXT NOT NULL,
    PRIMARY KEY (workspace, cluster, operation, key)
) WITHOUT ROWID;

CREATE TABLE api_tokens (
    id          TEXT    PRIMARY KEY, -- the public half
    secret_hash BLOB    NOT NULL, -- SHA-256
    workspace   TEXT    NOT NULL,
    read_only   INTEGER NOT NULL,
    created_at  INTEGER NOT NULL,
    revoked_at  INTEGER
) WITHOUT ROWID;
