-- Up Migration
-- Whether a client also gets refresh tokens. It has its secret, so usually it needs none.
ALTER TABLE auth.oauth_clients ADD COLUMN refresh_tokens boolean NOT NULL DEFAULT false;

-- One row per grant with a refresh token, however often it is refreshed: as `auth.sessions`.
CREATE TABLE auth.client_grants (
  id uuid PRIMARY KEY,
  client_id uuid NOT NULL REFERENCES auth.oauth_clients (id) ON DELETE CASCADE,
  -- The client's when it was granted: another one since ends the grant.
  session_id uuid NOT NULL,
  scope text NOT NULL,
  audience text NOT NULL,
  counter integer NOT NULL DEFAULT 0 CHECK (counter >= 0),
  refresh_kid text NOT NULL,
  refresh_secret bytea NOT NULL CHECK (octet_length(refresh_secret) = 32),
  grace_count smallint NOT NULL DEFAULT 0,
  rotated_at timestamptz NOT NULL DEFAULT now(),
  idle_seconds integer NOT NULL CHECK (idle_seconds > 0),
  absolute_expires_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL CHECK (expires_at <= absolute_expires_at),
  ended_at timestamptz
) WITH (fillfactor = 80);
CREATE INDEX client_grants_of_client ON auth.client_grants (client_id);
CREATE INDEX client_grants_by_end ON auth.client_grants (expires_at);

-- Down Migration
DROP TABLE auth.client_grants;
ALTER TABLE auth.oauth_clients DROP COLUMN refresh_tokens;
