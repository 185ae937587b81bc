-- Up Migration
-- The log by month (of UTC), and beside it the seals: a chain of hashes per tenant. An event is
-- written unsealed in its own transaction, so that no login waits for another; one process at a
-- time seals what is there, in order.

CREATE OR REPLACE FUNCTION auth.refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'auth.% is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$;

ALTER TABLE auth.audit_log RENAME TO audit_log_before;
ALTER INDEX auth.audit_log_pkey RENAME TO audit_log_before_pkey;
ALTER INDEX auth.audit_log_of_subject RENAME TO audit_log_before_of_subject;

-- Identity columns of partitioned tables are newer than the oldest PostgreSQL we run on.
CREATE SEQUENCE auth.audit_numbers;
CREATE TABLE auth.audit_log (
  number bigint NOT NULL DEFAULT nextval('auth.audit_numbers'),
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  action text NOT NULL,
  actor text,
  subject text,
  tenant_id uuid,
  session_id uuid,
  reason text,
  request_id text,
  network text,
  country text,
  device text,
  PRIMARY KEY (number, at)
) PARTITION BY RANGE (at);
ALTER SEQUENCE auth.audit_numbers OWNED BY auth.audit_log.number;

CREATE INDEX audit_log_of_tenant ON auth.audit_log (tenant_id, number);
CREATE INDEX audit_log_of_action ON auth.audit_log (action, number);
CREATE INDEX audit_log_of_subject ON auth.audit_log (subject, number) WHERE subject IS NOT NULL;
CREATE INDEX audit_log_of_actor ON auth.audit_log (actor, number) WHERE actor IS NOT NULL;
CREATE INDEX audit_log_of_session ON auth.audit_log (session_id, number)
  WHERE session_id IS NOT NULL;
CREATE INDEX audit_log_of_request ON auth.audit_log (request_id, number)
  WHERE request_id IS NOT NULL;
CREATE INDEX audit_log_of_network ON auth.audit_log (network, number) WHERE network IS NOT NULL;

-- `chain` is the tenant, or the zero id for events of none. `hash` is the SHA-256 of the previous
-- hash of the chain and the event's content (`audit/chain.ts`).
CREATE TABLE auth.audit_seals (
  chain uuid NOT NULL,
  position bigint NOT NULL CHECK (position > 0),
  number bigint NOT NULL,
  at timestamptz NOT NULL,
  hash bytea NOT NULL CHECK (octet_length(hash) = 32),
  PRIMARY KEY (chain, position, at)
) PARTITION BY RANGE (at);
CREATE INDEX audit_seals_of_event ON auth.audit_seals (number, at);

CREATE TRIGGER audit_log_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON auth.audit_log
  FOR EACH STATEMENT EXECUTE FUNCTION auth.refuse_audit_change();
CREATE TRIGGER audit_seals_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON auth.audit_seals
  FOR EACH STATEMENT EXECUTE FUNCTION auth.refuse_audit_change();

-- Where each chain stands.
CREATE TABLE auth.audit_heads (
  chain uuid PRIMARY KEY,
  position bigint NOT NULL CHECK (position > 0),
  hash bytea NOT NULL CHECK (octet_length(hash) = 32)
) WITH (fillfactor = 50);

-- Where each chain begins since its older months were dropped.
CREATE TABLE auth.audit_checkpoints (
  chain uuid PRIMARY KEY,
  position bigint NOT NULL CHECK (position > 0),
  hash bytea NOT NULL CHECK (octet_length(hash) = 32)
);

-- Whoever holds this row seals. Events with numbers up to `settled`, or of months before `month`,
-- are sealed or will never be. `marked` becomes `settled` when every transaction that ran at
-- `marked_at` is over.
CREATE TABLE auth.audit_sealer (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  settled bigint NOT NULL DEFAULT 0,
  marked bigint NOT NULL DEFAULT 0,
  marked_at timestamptz NOT NULL DEFAULT '-infinity',
  month timestamptz NOT NULL DEFAULT '-infinity'
) WITH (fillfactor = 50);
INSERT INTO auth.audit_sealer DEFAULT VALUES;

CREATE FUNCTION auth.audit_month(moment timestamptz, further integer DEFAULT 0)
RETURNS timestamptz LANGUAGE sql IMMUTABLE AS $$
  SELECT (date_trunc('month', moment AT TIME ZONE 'UTC') + make_interval(months => further))
    AT TIME ZONE 'UTC'
$$;

-- Makes the partitions of a month; false when they are there. Made apart and then attached: that
-- locks nobody out of the log. What waits in the partitions for the rest moves in.
CREATE FUNCTION auth.make_audit_month(moment timestamptz) RETURNS boolean LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  low timestamptz := auth.audit_month(moment);
  high timestamptz := auth.audit_month(moment, 1);
  suffix text := to_char(low AT TIME ZONE 'UTC', '"_y"YYYY"m"MM');
  base text;
  found boolean;
BEGIN
  PERFORM pg_advisory_xact_lock(4126190102);
  IF to_regclass('auth.audit_log' || suffix) IS NOT NULL THEN RETURN false; END IF;
  FOREACH base IN ARRAY ARRAY['audit_log', 'audit_seals'] LOOP
    EXECUTE format('CREATE TABLE auth.%I (LIKE auth.%I INCLUDING DEFAULTS INCLUDING CONSTRAINTS)',
      base || suffix, base);
    EXECUTE format('SELECT EXISTS (SELECT FROM auth.%I WHERE at >= %L AND at < %L)',
      base || '_rest', low, high) INTO found;
    IF found THEN
      EXECUTE format('ALTER TABLE auth.%I DISABLE TRIGGER %I', base || '_rest', base || '_kept');
      EXECUTE format('WITH moved AS (DELETE FROM auth.%I WHERE at >= %L AND at < %L RETURNING *)
        INSERT INTO auth.%I SELECT * FROM moved', base || '_rest', low, high, base || suffix);
      EXECUTE format('ALTER TABLE auth.%I ENABLE TRIGGER %I', base || '_rest', base || '_kept');
    END IF;
    EXECUTE format('CREATE TRIGGER %I BEFORE UPDATE OR DELETE OR TRUNCATE ON auth.%I
      FOR EACH STATEMENT EXECUTE FUNCTION auth.refuse_audit_change()',
      base || '_kept', base || suffix);
    EXECUTE format('ALTER TABLE auth.%I ATTACH PARTITION auth.%I FOR VALUES FROM (%L) TO (%L)',
      base, base || suffix, low, high);
  END LOOP;
  RETURN true;
END $$;

-- Drops the oldest month and keeps, per chain, where the rest begins; an event in each chain says
-- so too, which anchors the checkpoint. The only way in which an event leaves the log. False when
-- there is no such month.
CREATE FUNCTION auth.drop_audit_month(moment timestamptz) RETURNS boolean LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  low timestamptz := auth.audit_month(moment);
  high timestamptz := auth.audit_month(moment, 1);
  suffix text := to_char(low AT TIME ZONE 'UTC', '"_y"YYYY"m"MM');
BEGIN
  PERFORM FROM auth.audit_sealer FOR UPDATE;
  IF to_regclass('auth.audit_log' || suffix) IS NULL THEN RETURN false; END IF;
  IF low >= auth.audit_month(now()) THEN
    RAISE EXCEPTION 'the month is not over' USING ERRCODE = 'object_not_in_prerequisite_state';
  END IF;
  IF EXISTS (SELECT FROM auth.audit_log WHERE at < low) THEN
    RAISE EXCEPTION 'an older month is there' USING ERRCODE = 'object_not_in_prerequisite_state';
  END IF;
  IF EXISTS (SELECT FROM auth.audit_log WHERE at < high)
    AND NOT EXISTS (SELECT FROM auth.audit_sealer WHERE month >= high) THEN
    RAISE EXCEPTION 'the month is not sealed' USING ERRCODE = 'object_not_in_prerequisite_state';
  END IF;
  WITH last_of_chain AS (
    INSERT INTO auth.audit_checkpoints AS c (chain, position, hash)
    SELECT DISTINCT ON (chain) chain, position, hash FROM auth.audit_seals
    WHERE at >= low AND at < high ORDER BY chain, position DESC
    ON CONFLICT (chain) DO UPDATE SET position = EXCLUDED.position, hash = EXCLUDED.hash
    RETURNING chain, position, hash
  )
  INSERT INTO auth.audit_log (action, actor, tenant_id, reason)
  SELECT 'audit.drop', 'system', nullif(chain, '00000000-0000-0000-0000-000000000000'),
    to_char(low AT TIME ZONE 'UTC', 'YYYY-MM') || ' ' || position || ':' || encode(hash, 'hex')
  FROM last_of_chain;
  EXECUTE format('DROP TABLE auth.%I, auth.%I', 'audit_log' || suffix, 'audit_seals' || suffix);
  RETURN true;
END $$;

-- Where an event goes whose month nobody has made yet: no login fails for that.
CREATE TABLE auth.audit_log_rest PARTITION OF auth.audit_log DEFAULT;
CREATE TABLE auth.audit_seals_rest PARTITION OF auth.audit_seals DEFAULT;
CREATE TRIGGER audit_log_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON auth.audit_log_rest
  FOR EACH STATEMENT EXECUTE FUNCTION auth.refuse_audit_change();
CREATE TRIGGER audit_seals_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON auth.audit_seals_rest
  FOR EACH STATEMENT EXECUTE FUNCTION auth.refuse_audit_change();

SELECT auth.make_audit_month(month)
FROM (SELECT DISTINCT auth.audit_month(at) AS month FROM auth.audit_log_before
  UNION SELECT auth.audit_month(now(), further) FROM generate_series(0, 3) AS further) AS months;
INSERT INTO auth.audit_log SELECT number, at, action, actor, subject, tenant_id, session_id, reason,
  request_id, network, country, device FROM auth.audit_log_before;
SELECT setval('auth.audit_numbers', coalesce(max(number), 1), max(number) IS NOT NULL)
FROM auth.audit_log_before;
DROP TABLE auth.audit_log_before;

-- Down Migration
ALTER TABLE auth.audit_log RENAME TO audit_log_by_month;
ALTER INDEX auth.audit_log_of_subject RENAME TO audit_log_by_month_of_subject;
ALTER INDEX auth.audit_log_pkey RENAME TO audit_log_by_month_pkey;
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
  network text,
  country text,
  device text
);
INSERT INTO auth.audit_log OVERRIDING SYSTEM VALUE SELECT number, at, action, actor, subject,
  tenant_id, session_id, reason, request_id, network, country, device FROM auth.audit_log_by_month;
SELECT setval(pg_get_serial_sequence('auth.audit_log', 'number'), coalesce(max(number), 1),
  max(number) IS NOT NULL) FROM auth.audit_log_by_month;
DROP TABLE auth.audit_log_by_month;
CREATE INDEX audit_log_of_subject ON auth.audit_log (subject, number);
CREATE TRIGGER audit_log_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON auth.audit_log
  FOR EACH STATEMENT EXECUTE FUNCTION auth.refuse_audit_change();
DROP TABLE auth.audit_seals, auth.audit_heads, auth.audit_checkpoints, auth.audit_sealer;
DROP FUNCTION auth.drop_audit_month(timestamptz);
DROP FUNCTION auth.make_audit_month(timestamptz);
DROP FUNCTION auth.audit_month(timestamptz, integer);
CREATE OR REPLACE FUNCTION auth.refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'auth.audit_log is append-only' USING ERRCODE = 'insufficient_privilege';
END $$;
