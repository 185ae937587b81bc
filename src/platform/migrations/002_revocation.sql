-- Up Migration
CREATE SCHEMA IF NOT EXISTS auth;

-- What every process must apply to its cached principals, in commit order. `keys` is a JSON array
-- of invalidation keys; a reader that does not know a kind drops everything.
CREATE TABLE auth.invalidation_log (
  number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  keys jsonb NOT NULL CHECK (jsonb_typeof(keys) = 'array'),
  logged_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Entries up to `trimmed_to` are gone. `random_id` tells two logs apart where the server does not
-- let us read its system identifier.
CREATE TABLE auth.log_state (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  random_id uuid NOT NULL DEFAULT gen_random_uuid(),
  trimmed_to bigint NOT NULL DEFAULT 0
);
INSERT INTO auth.log_state DEFAULT VALUES;

-- Live processes and how far each has applied the log.
CREATE TABLE auth.instances (
  id uuid PRIMARY KEY,
  acknowledged bigint NOT NULL,
  started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  seen_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Single tokens taken back while their session lives on, or of issuers whose sessions we do not
-- hold. A row is of no use once the token has expired.
CREATE TABLE auth.revoked_tokens (
  token_id text PRIMARY KEY CHECK (length(token_id) BETWEEN 1 AND 256),
  expires_at timestamptz NOT NULL,
  revoked_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX revoked_tokens_by_end ON auth.revoked_tokens (expires_at);

-- The lock is held until the transaction has ended for everybody, and the number is drawn under
-- it: whoever sees entry n sees all entries below n that will ever be.
CREATE FUNCTION auth.append_invalidation(keys jsonb) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  appended bigint;
BEGIN
  PERFORM pg_advisory_xact_lock(4126190101);
  INSERT INTO auth.invalidation_log (keys)
  VALUES (append_invalidation.keys)
  RETURNING number INTO appended;
  PERFORM pg_notify('brigade_invalidation', appended::text);
  RETURN appended;
END $$;

-- Names the history this log belongs to. Another answer than before means: restored, failed over
-- to another history, or another server.
CREATE FUNCTION auth.log_incarnation() RETURNS text LANGUAGE plpgsql STABLE AS $$
DECLARE
  known text;
BEGIN
  SELECT random_id::text INTO STRICT known FROM auth.log_state;
  BEGIN
    known := known
      || '/' || (SELECT system_identifier FROM pg_control_system())
      || '/' || left(pg_walfile_name(pg_current_wal_lsn()), 8);
  EXCEPTION WHEN OTHERS THEN
    -- Hosted servers may refuse these functions; the random id is then all there is.
    NULL;
  END;
  RETURN known;
END $$;

-- A lost acknowledgement costs a wait, never a wrong answer: it need not reach the disk.
CREATE FUNCTION auth.acknowledge_invalidations(instance uuid, reached bigint, forgotten interval)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM set_config('synchronous_commit', 'off', true);
  INSERT INTO auth.instances (id, acknowledged)
  VALUES (instance, reached)
  ON CONFLICT (id) DO UPDATE SET acknowledged = excluded.acknowledged, seen_at = clock_timestamp();
  DELETE FROM auth.instances WHERE seen_at < clock_timestamp() - forgotten;
END $$;

-- Removes what is older than `kept`, at most `batch` entries, and says so in the same transaction.
-- One process at a time; the others return at once. Returns how many went.
CREATE FUNCTION auth.trim_invalidations(kept interval, batch integer)
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  gone bigint;
  up_to bigint;
BEGIN
  IF NOT pg_try_advisory_xact_lock(4126190102) THEN
    RETURN 0;
  END IF;
  SELECT max(number) INTO up_to FROM (
    SELECT number FROM auth.invalidation_log
    WHERE logged_at < clock_timestamp() - kept
    ORDER BY number LIMIT batch
  ) AS old;
  IF up_to IS NULL THEN
    RETURN 0;
  END IF;
  -- By number, not by time: after a step of the clock the two orders differ.
  DELETE FROM auth.invalidation_log WHERE number <= up_to;
  GET DIAGNOSTICS gone = ROW_COUNT;
  UPDATE auth.log_state SET trimmed_to = greatest(trimmed_to, up_to);
  RETURN gone;
END $$;

-- Down Migration
DROP FUNCTION auth.trim_invalidations(interval, integer);
DROP FUNCTION auth.acknowledge_invalidations(uuid, bigint, interval);
DROP FUNCTION auth.log_incarnation();
DROP FUNCTION auth.append_invalidation(jsonb);
DROP TABLE auth.revoked_tokens;
DROP TABLE auth.instances;
DROP TABLE auth.log_state;
DROP TABLE auth.invalidation_log;
