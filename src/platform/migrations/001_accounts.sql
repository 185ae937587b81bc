-- Up Migration
CREATE SCHEMA IF NOT EXISTS auth;

CREATE TABLE auth.tenants (
  id uuid PRIMARY KEY,
  name text NOT NULL CONSTRAINT tenants_name UNIQUE,
  created_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO auth.tenants (id, name) VALUES ('00000000-0000-7000-8000-000000000001', 'default');

-- Our own record of a person. `id` is also the subject of the tokens and the id of the IAM user.
CREATE TABLE auth.accounts (
  id uuid PRIMARY KEY,
  tenant_id uuid NOT NULL REFERENCES auth.tenants (id),
  email text NOT NULL CHECK (length(email) BETWEEN 3 AND 254),
  username text CHECK (length(username) BETWEEN 3 AND 32),
  name text CHECK (length(name) BETWEEN 1 AND 120),
  email_verified boolean NOT NULL DEFAULT false,
  active boolean NOT NULL DEFAULT true,
  version integer NOT NULL DEFAULT 1,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  last_login timestamptz
) WITH (fillfactor = 90);
-- In this order: of two taken identifiers the user name is the one reported, because a taken
-- address may have to stay unsaid.
CREATE UNIQUE INDEX accounts_username_key ON auth.accounts (lower(username));
CREATE UNIQUE INDEX accounts_email_key ON auth.accounts (lower(email));

-- What is proven at login. Apart from the account: whoever reads accounts reads no hashes.
CREATE TABLE auth.credentials (
  account_id uuid PRIMARY KEY REFERENCES auth.accounts (id) ON DELETE CASCADE,
  password_hash text NOT NULL,
  changed_at timestamptz NOT NULL DEFAULT now()
);

-- One row per login, whatever number of refresh tokens it sees. A refresh token is derived from
-- id, counter, refresh_secret and the key named by the kid it was made with.
CREATE TABLE auth.sessions (
  id uuid PRIMARY KEY,
  account_id uuid NOT NULL REFERENCES auth.accounts (id) ON DELETE CASCADE,
  tenant_id uuid NOT NULL,
  counter integer NOT NULL DEFAULT 0 CHECK (counter >= 0),
  refresh_kid text NOT NULL,
  refresh_secret bytea NOT NULL CHECK (octet_length(refresh_secret) = 32),
  -- How often the direct parent of the present counter was answered again.
  grace_count smallint NOT NULL DEFAULT 0,
  rotated_at timestamptz NOT NULL DEFAULT now(),
  -- SHA-256 of the device's own secret, when the session was opened with one.
  device_digest bytea CHECK (octet_length(device_digest) = 32),
  device text,
  network text,
  country text,
  amr text[] NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  seen_at timestamptz NOT NULL DEFAULT now(),
  idle_seconds integer NOT NULL CHECK (idle_seconds > 0),
  absolute_expires_at timestamptz NOT NULL,
  -- The nearer of the idle and the absolute end; not after the moment the session was ended.
  expires_at timestamptz NOT NULL CHECK (expires_at <= absolute_expires_at),
  ended_at timestamptz,
  end_reason text,
  CONSTRAINT sessions_end CHECK ((ended_at IS NULL) = (end_reason IS NULL))
) WITH (fillfactor = 80);
CREATE INDEX sessions_of_account ON auth.sessions (account_id) WHERE ended_at IS NULL;
CREATE INDEX sessions_by_end ON auth.sessions (expires_at);

-- Budgets of attempts by the generic cell rate algorithm: `arrival` is the moment at which the
-- budget is whole again. No row: whole.
CREATE TABLE auth.throttle_budgets (
  key text PRIMARY KEY,
  arrival timestamptz NOT NULL
) WITH (fillfactor = 80);

-- Takes one unit from each budget, in order, until one has none left. A budget of n units a
-- `window_us` gives a unit back every `unit_us`. Returns the position of the budget that refused
-- (from 1) and the seconds until it has a unit; no row when all gave one. A row's lock makes
-- parallel callers of all processes take turns, so n units are given exactly n times.
CREATE FUNCTION auth.take_budgets(keys text[], unit_us bigint[], window_us bigint[])
RETURNS TABLE (refused integer, retry_seconds double precision) LANGUAGE plpgsql AS $$
DECLARE
  unit interval;
  whole interval;
BEGIN
  -- Losing the last moments of a budget in a power cut is no loss.
  PERFORM set_config('synchronous_commit', 'off', true);
  FOR i IN 1 .. cardinality(keys) LOOP
    unit := unit_us[i] * interval '1 microsecond';
    whole := window_us[i] * interval '1 microsecond';
    INSERT INTO auth.throttle_budgets AS b (key, arrival)
    VALUES (keys[i], clock_timestamp() + unit)
    ON CONFLICT (key) DO UPDATE
      SET arrival = greatest(b.arrival, clock_timestamp()) + unit
      WHERE greatest(b.arrival, clock_timestamp()) + unit <= clock_timestamp() + whole;
    IF NOT FOUND THEN
      refused := i;
      SELECT greatest(extract(epoch FROM b.arrival + unit - whole - clock_timestamp()), 0)
      INTO retry_seconds FROM auth.throttle_budgets AS b WHERE b.key = keys[i];
      RETURN NEXT;
      RETURN;
    END IF;
  END LOOP;
END $$;

-- Who did what to whom, append-only. Times and ids; never a secret, never what was typed.
CREATE TABLE auth.audit_log (
  number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  action text NOT NULL,
  actor text,
  subject text,
  tenant_id uuid,
  session_id uuid,
  reason text,
  request_id text,
  network text
);
CREATE INDEX audit_log_of_subject ON auth.audit_log (subject, number);

CREATE FUNCTION auth.refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'auth.audit_log is append-only' USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER audit_log_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON auth.audit_log
  FOR EACH STATEMENT EXECUTE FUNCTION auth.refuse_audit_change();

-- Down Migration
DROP TABLE auth.audit_log;
DROP FUNCTION auth.refuse_audit_change();
DROP FUNCTION auth.take_budgets(text[], bigint[], bigint[]);
DROP TABLE auth.throttle_budgets;
DROP TABLE auth.sessions;
DROP TABLE auth.credentials;
DROP TABLE auth.accounts;
DROP TABLE auth.tenants;
