-- Up Migration

-- The last good key set of each foreign issuer: public keys only. With it a process that starts
-- while the issuer is away verifies its tokens. fetched_at: when the issuer was asked that gave it.
CREATE TABLE auth.issuer_key_sets (
  issuer text PRIMARY KEY CHECK (length(issuer) BETWEEN 1 AND 512),
  jwks_uri text NOT NULL CHECK (length(jwks_uri) BETWEEN 1 AND 2048),
  keys jsonb NOT NULL CHECK (jsonb_typeof(keys) = 'array'),
  fetched_at timestamptz NOT NULL
);

-- Down Migration
DROP TABLE auth.issuer_key_sets;
