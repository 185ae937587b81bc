-- Up Migration
-- Tokens that are good for one thing, once: a verified address, a reset, an unlock, a challenge.
-- Only the digest is kept.
CREATE TABLE auth.one_time_tokens (
  digest bytea PRIMARY KEY CHECK (octet_length(digest) = 32),
  purpose text NOT NULL,
  account_id uuid NOT NULL REFERENCES auth.accounts (id) ON DELETE CASCADE,
  data jsonb NOT NULL DEFAULT '{}',
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL,
  used_at timestamptz
);
CREATE INDEX one_time_tokens_of_account ON auth.one_time_tokens (account_id, purpose);
CREATE INDEX one_time_tokens_by_end ON auth.one_time_tokens (expires_at);

-- Down Migration
DROP TABLE auth.one_time_tokens;
