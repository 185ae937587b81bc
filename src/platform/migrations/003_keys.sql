-- Up Migration
CREATE SCHEMA IF NOT EXISTS auth;

-- Keys that sign access tokens (use sig) and authenticate refresh tokens (use mac). The private
-- part is sealed with a key-encryption key that is not in this database; a key that is gone has
-- none. Rows stay, so that a kid is never used twice.
CREATE TABLE auth.signing_keys (
  kid text PRIMARY KEY CHECK (kid ~ '^[A-Za-z0-9_-]{1,128}$'),
  use text NOT NULL CHECK (use IN ('sig', 'mac')),
  alg text NOT NULL CHECK (alg IN ('RS256', 'PS256', 'ES256', 'EdDSA', 'HS256')),
  state text NOT NULL CHECK (state IN ('next', 'active', 'retiring', 'gone')),
  public_jwk jsonb,
  sealed text,
  created_at timestamptz NOT NULL DEFAULT now(),
  activated_at timestamptz,
  retired_at timestamptz,
  CHECK ((use = 'mac') = (alg = 'HS256')),
  CHECK ((use = 'mac') = (public_jwk IS NULL)),
  CHECK ((state = 'gone') = (sealed IS NULL))
);
-- One key signs, one is published to sign after it.
CREATE UNIQUE INDEX signing_keys_active ON auth.signing_keys (use) WHERE state = 'active';
CREATE UNIQUE INDEX signing_keys_next ON auth.signing_keys (use) WHERE state = 'next';

-- Down Migration
DROP TABLE auth.signing_keys;
