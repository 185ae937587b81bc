-- Up Migration
-- Keys of programs that act for an account. Of a secret only the SHA-256 is kept: it has 160 random
-- bits, so nobody can try them out. After a rotation the secret before counts until its own end.
CREATE TABLE auth.api_keys (
  id uuid PRIMARY KEY,
  account_id uuid NOT NULL REFERENCES auth.accounts (id) ON DELETE CASCADE,
  tenant_id uuid NOT NULL REFERENCES auth.tenants (id),
  name text NOT NULL CHECK (length(name) BETWEEN 1 AND 80),
  secret_digest bytea NOT NULL CHECK (octet_length(secret_digest) = 32),
  previous_digest bytea CHECK (octet_length(previous_digest) = 32),
  previous_expires_at timestamptz,
  scopes text[] NOT NULL CHECK (scopes <@ ARRAY['read', 'write'] AND cardinality(scopes) > 0),
  -- Permissions by context; what the owner does not hold at the time of a request does not count.
  permissions jsonb NOT NULL CHECK (jsonb_typeof(permissions) = 'object'),
  rate_count integer CHECK (rate_count > 0),
  rate_seconds integer CHECK (rate_seconds > 0),
  quota_count bigint CHECK (quota_count > 0),
  quota_period text CHECK (quota_period IN ('day', 'month')),
  created_at timestamptz NOT NULL DEFAULT now(),
  rotated_at timestamptz,
  expires_at timestamptz NOT NULL,
  revoked_at timestamptz,
  CONSTRAINT api_keys_previous CHECK ((previous_digest IS NULL) = (previous_expires_at IS NULL)),
  CONSTRAINT api_keys_rate CHECK ((rate_count IS NULL) = (rate_seconds IS NULL)),
  CONSTRAINT api_keys_quota CHECK ((quota_count IS NULL) = (quota_period IS NULL))
);
CREATE INDEX api_keys_of_account ON auth.api_keys (account_id, id);
CREATE INDEX api_keys_by_end ON auth.api_keys (least(expires_at, revoked_at));

-- Written behind in batches, so apart from the rows that every look-up reads.
CREATE TABLE auth.api_key_usage (
  key_id uuid PRIMARY KEY REFERENCES auth.api_keys (id) ON DELETE CASCADE,
  last_used_at timestamptz NOT NULL,
  last_network text,
  -- First day of the quota's period (UTC), and the requests since.
  period_start date NOT NULL,
  used bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 70);

-- Down Migration
DROP TABLE auth.api_key_usage;
DROP TABLE auth.api_keys;
