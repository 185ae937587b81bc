-- Up Migration
-- The lock of an identifier that nobody had becomes that of the account that is made with it: its
-- owner is told of it, and can end it. As before but for the first question.
CREATE OR REPLACE FUNCTION auth.take_try(
  its_key text, its_account uuid, failures_max integer, lock_seconds integer, ceiling integer,
  checks_max integer, pending_seconds integer
) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  a auth.login_attempts;
  was auth.login_attempts;
  verdict text;
BEGIN
  -- Whoever hammers on a lock takes no row's lock and writes nothing, but for who has it now.
  PERFORM FROM auth.login_attempts l
    WHERE l.key = its_key AND l.locked_until > clock_timestamp()
      AND l.account_id IS NOT DISTINCT FROM its_account
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

-- Down Migration
CREATE OR REPLACE FUNCTION auth.take_try(
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
