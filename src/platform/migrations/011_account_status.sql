-- Up Migration
-- Why an account is not active, and until when, when it comes back by itself.
ALTER TABLE auth.accounts
  ADD COLUMN disabled_kind text CHECK (disabled_kind IN ('deactivated', 'banned')),
  ADD COLUMN disabled_reason text CHECK (length(disabled_reason) BETWEEN 1 AND 500),
  ADD COLUMN disabled_until timestamptz;
CREATE INDEX accounts_of_tenant ON auth.accounts (tenant_id, created_at, id);
CREATE INDEX accounts_by_end_of_ban ON auth.accounts (disabled_until)
  WHERE NOT active AND disabled_until IS NOT NULL;

-- Sessions in which an administrator acts as somebody else.
CREATE TABLE auth.impersonations (
  session_id uuid PRIMARY KEY REFERENCES auth.sessions (id) ON DELETE CASCADE,
  actor_id uuid NOT NULL,
  subject_id uuid NOT NULL,
  reason text NOT NULL CHECK (length(reason) BETWEEN 1 AND 500),
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX impersonations_of_actor ON auth.impersonations (actor_id);

-- Down Migration
DROP TABLE auth.impersonations;
DROP INDEX auth.accounts_by_end_of_ban;
DROP INDEX auth.accounts_of_tenant;
ALTER TABLE auth.accounts
  DROP COLUMN disabled_kind, DROP COLUMN disabled_reason, DROP COLUMN disabled_until;
