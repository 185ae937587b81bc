-- Up Migration
-- Devices an account logged in with: SHA-256 of the secret that the device keeps. While an account
-- is under attack they have tries of their own.
CREATE TABLE auth.known_devices (
  account_id uuid NOT NULL REFERENCES auth.accounts (id) ON DELETE CASCADE,
  digest bytea NOT NULL CHECK (octet_length(digest) = 32),
  first_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  last_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  logins integer NOT NULL DEFAULT 1,
  PRIMARY KEY (account_id, digest)
) WITH (fillfactor = 80);
CREATE INDEX known_devices_by_age ON auth.known_devices (last_at);

-- Wrong passwords in a row: for an identifier as typed, known or not, or for a known device of an
-- account. `pending` are on their way to the comparison. No row: none.
CREATE TABLE auth.login_attempts (
  key text PRIMARY KEY,
  account_id uuid,
  failures integer NOT NULL DEFAULT 0 CHECK (failures >= 0),
  -- Of these, since the last lock ended.
  round integer NOT NULL DEFAULT 0 CHECK (round >= 0),
  pending integer NOT NULL DEFAULT 0 CHECK (pending >= 0),
  begun_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  failed_at timestamptz,
  -- `infinity`: until somebody ends it.
  locked_until timestamptz,
  -- Comparisons made while it was locked.
  checks integer NOT NULL DEFAULT 0 CHECK (checks >= 0),
  -- The owner has been told of this lock.
  told_at timestamptz
) WITH (fillfactor = 80);
CREATE INDEX login_attempts_of_account ON auth.login_attempts (account_id)
  WHERE account_id IS NOT NULL;
CREATE INDEX login_attempts_by_age ON auth.login_attempts (begun_at);
CREATE INDEX login_attempts_untold ON auth.login_attempts (locked_until)
  WHERE locked_until IS NOT NULL AND told_at IS NULL AND account_id IS NOT NULL;

-- Wrong passwords for one identifier from one network, and when the next may be tried.
CREATE TABLE auth.login_delays (
  identifier text NOT NULL,
  network text NOT NULL,
  account_id uuid,
  failures integer NOT NULL,
  failed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  not_before timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (identifier, network)
) WITH (fillfactor = 80);
CREATE INDEX login_delays_by_time ON auth.login_delays (failed_at);

-- Takes one try of a row, or says why there is none: `try`, `check` (locked, but compared so that
-- the right password can be told of it), `locked`, `full` (what is left is on its way). The row's
-- lock makes callers of all processes take turns.
CREATE FUNCTION auth.take_try(
  its_key text, its_account uuid, failures_max integer, lock_seconds integer, ceiling integer,
  checks_max integer, pending_seconds integer
) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  a auth.login_attempts;
  was auth.login_attempts;
  verdict text;
BEGIN
  -- Whoever hammers on a lock takes no row's lock and writes nothing.
  PERFORM FROM auth.login_attempts l
    WHERE l.key = its_key AND l.locked_until > clock_timestamp()
      AND (l.checks >= checks_max OR l.failures >= ceiling);
  IF FOUND THEN RETURN 'locked'; END IF;
  LOOP
    INSERT INTO auth.login_attempts (key, account_id, pending) VALUES (its_key, its_account, 1)
    ON CONFLICT DO NOTHING;
    IF FOUND THEN RETURN 'try'; END IF;
    SELECT * INTO a FROM auth.login_attempts WHERE key = its_key FOR UPDATE;
    EXIT WHEN FOUND;
  END LOOP;
  was := a;
  a.account_id := its_account;
  -- Whoever began these never told how they ended: they count as wrong.
  IF a.begun_at < clock_timestamp() - make_interval(secs => pending_seconds) THEN
    a.failures := a.failures + a.pending;
    a.round := a.round + a.pending;
    a.pending := 0;
  END IF;
  IF a.locked_until <= clock_timestamp() THEN
    a.locked_until := NULL;
    a.round := 0;
    a.checks := 0;
    a.told_at := NULL;
  END IF;
  -- Also where a policy became stricter, or where nobody told how the last ones ended.
  IF a.locked_until IS NULL AND a.pending = 0 THEN
    a.locked_until := CASE
      WHEN a.failures >= ceiling THEN 'infinity'
      WHEN a.round >= failures_max THEN clock_timestamp() + make_interval(secs => lock_seconds)
    END;
  END IF;
  IF a.failures + a.pending >= ceiling THEN
    verdict := CASE WHEN a.locked_until IS NULL THEN 'full' ELSE 'locked' END;
  ELSIF a.locked_until IS NOT NULL THEN
    verdict := CASE WHEN a.checks < checks_max THEN 'check' ELSE 'locked' END;
  ELSE
    verdict := CASE WHEN a.round + a.pending < failures_max THEN 'try' ELSE 'full' END;
  END IF;
  IF verdict IN ('try', 'check') THEN
    a.pending := a.pending + 1;
    a.begun_at := clock_timestamp();
    a.checks := a.checks + (verdict = 'check')::integer;
  END IF;
  IF a IS DISTINCT FROM was THEN
    UPDATE auth.login_attempts AS l
       SET account_id = a.account_id, failures = a.failures, round = a.round,
           pending = a.pending, begun_at = a.begun_at, locked_until = a.locked_until,
           checks = a.checks, told_at = a.told_at
     WHERE l.key = its_key;
  END IF;
  RETURN verdict;
END $$;

-- One guess of one caller, before any hashing. A known device has tries of its own, and is not
-- held up by what others do; without any left it is a device like any other. `verdict` is that of
-- `take_try`, `blocked`, or `delay` or `network` with the seconds to wait; `its_key` names the row it was
-- taken from.
CREATE FUNCTION auth.begin_login(
  identifier text, network text, account uuid, device bytea, is_blocked boolean,
  failures_max integer, lock_seconds integer, ceiling integer, checks_max integer, device_failures_max integer, pending_seconds integer,
  network_unit_us bigint, network_window_us bigint
) RETURNS TABLE (verdict text, its_key text, wait_seconds double precision)
LANGUAGE plpgsql AS $$
BEGIN
  -- Losing the last moments of a count in a power cut is no loss.
  PERFORM set_config('synchronous_commit', 'off', true);
  IF EXISTS (SELECT FROM auth.known_devices k
              WHERE k.account_id = account AND k.digest = device) THEN
    its_key := 'device:' || account || ':' || encode(device, 'hex');
    verdict := auth.take_try(its_key, account, device_failures_max, lock_seconds, ceiling, 0,
                             pending_seconds);
    IF verdict = 'try' THEN
      RETURN NEXT;
      RETURN;
    END IF;
  END IF;
  its_key := identifier;
  IF is_blocked THEN
    verdict := 'blocked';
    RETURN NEXT;
    RETURN;
  END IF;
  SELECT extract(epoch FROM d.not_before - clock_timestamp()) INTO wait_seconds
    FROM auth.login_delays d
   WHERE d.identifier = begin_login.identifier AND d.network = begin_login.network
     AND d.not_before > clock_timestamp();
  IF FOUND THEN
    verdict := 'delay';
    RETURN NEXT;
    RETURN;
  END IF;
  SELECT retry_seconds INTO wait_seconds
    FROM auth.take_budgets(ARRAY['loginNetwork:' || network], ARRAY[network_unit_us],
                           ARRAY[network_window_us]);
  IF FOUND THEN
    verdict := 'network';
  ELSE
    verdict := auth.take_try(identifier, account, failures_max, lock_seconds, ceiling, checks_max,
                             pending_seconds);
  END IF;
  RETURN NEXT;
END $$;

-- The guess was wrong. True if it began a lock. The delay doubles with each failure behind the
-- free ones, and is for this identifier from this network alone.
CREATE FUNCTION auth.fail_login(
  its_key text, identifier text, network text, account uuid, failures_max integer,
  lock_seconds integer, ceiling integer, free_failures integer, delay_seconds_max integer,
  forgotten_seconds integer
) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  a auth.login_attempts;
  was_locked boolean;
BEGIN
  PERFORM set_config('synchronous_commit', 'off', true);
  INSERT INTO auth.login_attempts (key, account_id, pending) VALUES (its_key, account, 1)
  ON CONFLICT DO NOTHING;
  SELECT * INTO a FROM auth.login_attempts WHERE key = its_key FOR UPDATE;
  was_locked := a.locked_until IS NOT NULL;
  a.failures := a.failures + 1;
  a.round := a.round + 1;
  IF a.failures >= ceiling THEN
    a.locked_until := 'infinity';
  ELSIF NOT was_locked AND a.round >= failures_max THEN
    a.locked_until := clock_timestamp() + make_interval(secs => lock_seconds);
  END IF;
  UPDATE auth.login_attempts AS l
     SET failures = a.failures, round = a.round, pending = greatest(a.pending - 1, 0),
         failed_at = clock_timestamp(), locked_until = a.locked_until
   WHERE l.key = its_key;
  INSERT INTO auth.login_delays AS d (identifier, network, account_id, failures)
  VALUES (fail_login.identifier, fail_login.network, account, 1)
  ON CONFLICT ON CONSTRAINT login_delays_pkey DO UPDATE
    SET account_id = excluded.account_id, failed_at = clock_timestamp(),
        failures = CASE WHEN d.failed_at < clock_timestamp()
                               - make_interval(secs => forgotten_seconds)
                        THEN 1 ELSE d.failures + 1 END;
  UPDATE auth.login_delays AS d
     SET not_before = d.failed_at + make_interval(secs =>
           least(2 ^ least(d.failures - free_failures - 1, 30), delay_seconds_max))
   WHERE d.identifier = fail_login.identifier AND d.network = fail_login.network
     AND d.failures > free_failures;
  RETURN a.locked_until IS NOT NULL AND NOT was_locked;
END $$;

-- The guess was right and its caller was let in: a row of an identifier is as new. One of a device
-- leaves that of the identifier alone while it is fresh, or an owner who works would hand whoever
-- attacks new tries.
CREATE FUNCTION auth.pass_login(
  its_key text, identifier text, network text, forgiven_seconds integer, network_unit_us bigint
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM set_config('synchronous_commit', 'off', true);
  -- In the order in which `begin_login` takes the rows: nobody waits in a circle.
  IF its_key = identifier THEN
    PERFORM auth.return_unit(network, network_unit_us);
  END IF;
  DELETE FROM auth.login_attempts AS l WHERE l.key = its_key AND l.pending <= 1;
  IF NOT FOUND THEN
    UPDATE auth.login_attempts AS l
       SET failures = 0, round = 0, checks = 0, pending = greatest(l.pending - 1, 0),
           locked_until = NULL, told_at = NULL
     WHERE l.key = its_key;
  END IF;
  IF its_key <> identifier THEN
    DELETE FROM auth.login_attempts AS l
     WHERE l.key = identifier AND l.pending = 0
       AND l.failed_at < clock_timestamp() - make_interval(secs => forgiven_seconds);
  END IF;
  DELETE FROM auth.login_delays AS d
   WHERE d.identifier = pass_login.identifier AND d.network = pass_login.network;
END $$;

CREATE FUNCTION auth.return_unit(network text, network_unit_us bigint)
RETURNS void LANGUAGE sql AS $$
  UPDATE auth.throttle_budgets
     SET arrival = arrival - network_unit_us * interval '1 microsecond'
   WHERE key = 'loginNetwork:' || network;
$$;

-- Down Migration
DROP FUNCTION auth.return_unit(text, bigint);
DROP FUNCTION auth.pass_login(text, text, text, integer, bigint);
DROP FUNCTION auth.fail_login(
  text, text, text, uuid, integer, integer, integer, integer, integer, integer);
DROP FUNCTION auth.begin_login(
  text, text, uuid, bytea, boolean, integer, integer, integer, integer, integer, integer, bigint,
  bigint);
DROP FUNCTION auth.take_try(text, uuid, integer, integer, integer, integer, integer);
DROP TABLE auth.login_delays;
DROP TABLE auth.login_attempts;
DROP TABLE auth.known_devices;
