-- Whether the cluster was seen to approve every machine that asks with the token: then its first use is not its
-- only one, and nothing here may say so.
ALTER TABLE bootstraps ADD COLUMN multi_use INTEGER NOT NULL DEFAULT 0 CHECK (multi_use IN (0, 1));
