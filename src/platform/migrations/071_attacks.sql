-- Up Migration
-- Networks nobody may log in from. Those that we made ourselves end, and let known devices pass.
CREATE TABLE auth.network_blocks (
  id uuid PRIMARY KEY,
  network cidr NOT NULL,
  reason text CHECK (length(reason) BETWEEN 1 AND 200),
  is_automatic boolean NOT NULL DEFAULT false,
  created_by text,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  ends_at timestamptz
);
CREATE INDEX network_blocks_by_end ON auth.network_blocks (ends_at);
CREATE UNIQUE INDEX network_blocks_automatic ON auth.network_blocks (network) WHERE is_automatic;

-- What is usual for an account, from its successful logins: how many of them began in each hour of
-- the day (UTC), and the last few countries and programs. One row, changed by each login.
CREATE TABLE auth.login_profiles (
  account_id uuid PRIMARY KEY REFERENCES auth.accounts (id) ON DELETE CASCADE,
  logins integer NOT NULL DEFAULT 0,
  hours integer[] NOT NULL CHECK (cardinality(hours) = 24),
  countries text[] NOT NULL DEFAULT '{}',
  agents text[] NOT NULL DEFAULT '{}',
  last_country text,
  last_at timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (fillfactor = 80);

-- What several requests show together. Each is recorded once for its key and window.
CREATE TABLE auth.incidents (
  id uuid PRIMARY KEY,
  kind text NOT NULL,
  key text NOT NULL,
  window_at timestamptz NOT NULL,
  details jsonb NOT NULL DEFAULT '{}',
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT incidents_once UNIQUE (kind, key, window_at)
);
CREATE INDEX incidents_by_time ON auth.incidents (at DESC, id DESC);

-- Alerts of one kind about one subject: one in a window, and how many were held back in it.
CREATE TABLE auth.alert_windows (
  kind text NOT NULL,
  subject text NOT NULL,
  ends_at timestamptz NOT NULL,
  suppressed integer NOT NULL DEFAULT 0,
  -- How many the window before held back.
  before integer NOT NULL DEFAULT 0,
  PRIMARY KEY (kind, subject)
) WITH (fillfactor = 80);
CREATE INDEX alert_windows_by_end ON auth.alert_windows (ends_at);

-- Down Migration
DROP TABLE auth.alert_windows;
DROP TABLE auth.incidents;
DROP TABLE auth.login_profiles;
DROP TABLE auth.network_blocks;
