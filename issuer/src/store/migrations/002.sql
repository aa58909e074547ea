-- What happened to a bootstrap, in the order in which the issuer learnt of it: its own doing, what the cluster
-- told, and what the machine says of itself. Nothing here is secret.
CREATE TABLE events (
    bootstrap TEXT    NOT NULL REFERENCES bootstraps (id),
    seq       INTEGER NOT NULL, -- from 1 for each bootstrap, without gaps: the order, which pages are cut by
    -- By what a repetition is known: an event is kept once, however often it is told.
    once      TEXT    NOT NULL,
    at        INTEGER NOT NULL, -- unix seconds, by the issuer's clock
    source    TEXT    NOT NULL CHECK (source IN ('issuer', 'cluster', 'machine')),
    type      TEXT    NOT NULL,
    message   TEXT    NOT NULL,
    reason    TEXT,
    node      TEXT,
    details   TEXT, -- what a machine says beside, as a JSON object
    PRIMARY KEY (bootstrap, seq),
    UNIQUE (bootstrap, once)
) WITHOUT ROWID;
