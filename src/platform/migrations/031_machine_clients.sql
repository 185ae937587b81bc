-- Up Migration
-- Programs that authenticate as themselves. `id` is the client id, the subject of the tokens and the
-- id of the IAM user. `session_id` is in every token of the client: another one ends them all.
CREATE TABLE auth.oauth_clients (
  id uuid PRIMARY KEY,
  tenant_id uuid NOT NULL REFERENCES auth.tenants (id),
  name text NOT NULL CHECK (length(name) BETWEEN 1 AND 120),
  session_id uuid NOT NULL,
  -- SHA-256 of 256 random bits.
  secret_digest bytea NOT NULL CHECK (octet_length(secret_digest) = 32),
  secret_made_at timestamptz NOT NULL DEFAULT now(),
  -- The secret before, good until then.
  previous_digest bytea CHECK (octet_length(previous_digest) = 32),
  previous_until timestamptz,
  scopes text[] NOT NULL,
  -- Beside our own audience.
  audiences text[] NOT NULL DEFAULT '{}',
  active boolean NOT NULL DEFAULT true,
  created_by text,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT oauth_clients_previous CHECK ((previous_digest IS NULL) = (previous_until IS NULL))
);
CREATE INDEX oauth_clients_of_tenant ON auth.oauth_clients (tenant_id, created_at, id);

-- Who took a token back and why. A row counts for tokens of its tenant; the nil tenant is all.
ALTER TABLE auth.revoked_tokens
  ADD COLUMN tenant_id uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
  ADD COLUMN reason text NOT NULL DEFAULT 'revoked' CHECK (length(reason) BETWEEN 1 AND 200),
  ADD COLUMN revoked_by text,
  DROP CONSTRAINT revoked_tokens_pkey,
  ADD PRIMARY KEY (token_id, tenant_id);

-- Down Migration
ALTER TABLE auth.revoked_tokens DROP CONSTRAINT revoked_tokens_pkey;
DELETE FROM auth.revoked_tokens AS one USING auth.revoked_tokens AS other
  WHERE one.token_id = other.token_id AND one.tenant_id > other.tenant_id;
ALTER TABLE auth.revoked_tokens
  DROP COLUMN tenant_id, DROP COLUMN reason, DROP COLUMN revoked_by, ADD PRIMARY KEY (token_id);
DROP TABLE auth.oauth_clients;
