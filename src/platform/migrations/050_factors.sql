-- Up Migration
-- Kinds of second factor an account has now. `factor_version` counts their changes: what was judged
-- by an older one is judged anew.
ALTER TABLE auth.accounts
  ADD COLUMN factors text[] NOT NULL DEFAULT '{}',
  ADD COLUMN factor_version integer NOT NULL DEFAULT 0;

-- When whoever holds the session last proved who they are; `auth_time` of its tokens.
ALTER TABLE auth.sessions ADD COLUMN authenticated_at timestamptz;
UPDATE auth.sessions SET authenticated_at = created_at;
ALTER TABLE auth.sessions
  ALTER COLUMN authenticated_at SET DEFAULT now(), ALTER COLUMN authenticated_at SET NOT NULL;

-- Down Migration
ALTER TABLE auth.sessions DROP COLUMN authenticated_at;
ALTER TABLE auth.accounts DROP COLUMN factors, DROP COLUMN factor_version;
