-- Up Migration
-- A time-based code generator (RFC 6238). `last_step` is the time step of the last code that was
-- taken: that code and those before it are worth nothing any more.
CREATE TABLE auth.totp (
  account_id uuid PRIMARY KEY REFERENCES auth.accounts (id) ON DELETE CASCADE,
  sealed text NOT NULL,
  last_step bigint NOT NULL,
  confirmed_at timestamptz NOT NULL DEFAULT now()
);

-- One that was shown and not confirmed by a first code yet. `owner` is the session or the login
-- that asked for it; nobody else confirms it.
CREATE TABLE auth.totp_enrolments (
  account_id uuid PRIMARY KEY REFERENCES auth.accounts (id) ON DELETE CASCADE,
  owner text NOT NULL,
  sealed text NOT NULL,
  expires_at timestamptz NOT NULL
);

-- 120 random bits each, so a plain digest is enough.
CREATE TABLE auth.recovery_codes (
  digest bytea PRIMARY KEY CHECK (octet_length(digest) = 32),
  account_id uuid NOT NULL REFERENCES auth.accounts (id) ON DELETE CASCADE,
  created_at timestamptz NOT NULL DEFAULT now(),
  used_at timestamptz
);
CREATE INDEX recovery_codes_of_account ON auth.recovery_codes (account_id);

CREATE TABLE auth.passkeys (
  id uuid PRIMARY KEY,
  account_id uuid NOT NULL REFERENCES auth.accounts (id) ON DELETE CASCADE,
  -- As the authenticator names it, base64url.
  credential_id text NOT NULL CONSTRAINT passkeys_credential UNIQUE,
  -- COSE_Key (RFC 9052).
  public_key bytea NOT NULL,
  sign_count bigint NOT NULL CHECK (sign_count >= 0),
  transports text[] NOT NULL DEFAULT '{}',
  -- Copied to the owner's other devices, so it proves no single piece of hardware.
  synced boolean NOT NULL,
  name text NOT NULL CHECK (length(name) BETWEEN 1 AND 64),
  created_at timestamptz NOT NULL DEFAULT now(),
  last_used_at timestamptz
);
CREATE INDEX passkeys_of_account ON auth.passkeys (account_id);

-- What an authenticator is asked to sign; deleted when it comes back. No account: a login that
-- does not say who it is.
CREATE TABLE auth.webauthn_challenges (
  digest bytea PRIMARY KEY CHECK (octet_length(digest) = 32),
  purpose text NOT NULL,
  account_id uuid REFERENCES auth.accounts (id) ON DELETE CASCADE,
  expires_at timestamptz NOT NULL
);
CREATE INDEX webauthn_challenges_by_end ON auth.webauthn_challenges (expires_at);

-- Devices that need no second factor for a while. The digest is of a secret that the device keeps.
CREATE TABLE auth.trusted_devices (
  id uuid PRIMARY KEY,
  account_id uuid NOT NULL REFERENCES auth.accounts (id) ON DELETE CASCADE,
  digest bytea NOT NULL UNIQUE CHECK (octet_length(digest) = 32),
  device text,
  network text,
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL
);
CREATE INDEX trusted_devices_of_account ON auth.trusted_devices (account_id);
CREATE INDEX trusted_devices_by_end ON auth.trusted_devices (expires_at);

-- Down Migration
DROP TABLE auth.trusted_devices;
DROP TABLE auth.webauthn_challenges;
DROP TABLE auth.passkeys;
DROP TABLE auth.recovery_codes;
DROP TABLE auth.totp_enrolments;
DROP TABLE auth.totp;
