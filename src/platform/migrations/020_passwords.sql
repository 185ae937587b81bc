-- Up Migration
-- Imported accounts may have no password; those that have one may have to change it.
ALTER TABLE auth.credentials
  ADD COLUMN must_change boolean NOT NULL DEFAULT false,
  -- When the owner was told that this password will end.
  ADD COLUMN reminded_at timestamptz;

-- Passwords that were replaced, so that they do not come back. They go with the credential.
CREATE TABLE auth.former_passwords (
  account_id uuid NOT NULL REFERENCES auth.credentials (account_id) ON DELETE CASCADE,
  number bigint GENERATED ALWAYS AS IDENTITY,
  password_hash text NOT NULL,
  replaced_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (account_id, number)
);

-- Down Migration
DROP TABLE auth.former_passwords;
ALTER TABLE auth.credentials DROP COLUMN must_change, DROP COLUMN reminded_at;
