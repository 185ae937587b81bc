-- Up Migration
-- `agent` is program and system by the user agent at the login; `seen_*` is the place of the last
-- refresh, and `flags` say in which of the three a refresh ever differed from the one before.
ALTER TABLE auth.sessions
  ADD COLUMN agent text,
  ADD COLUMN seen_network text,
  ADD COLUMN seen_country text,
  ADD COLUMN seen_agent text,
  ADD COLUMN flags text[] NOT NULL DEFAULT '{}'
    CHECK (flags <@ '{network_changed,country_changed,agent_changed}');
UPDATE auth.sessions SET seen_network = network, seen_country = country;
CREATE INDEX sessions_of_tenant ON auth.sessions (tenant_id, created_at DESC, id DESC)
  WHERE ended_at IS NULL;

-- Sessions that were used, written behind in batches. Rows that somebody holds are left to the
-- next batch, so that two batches, or a batch and a refresh, never wait in a circle.
CREATE FUNCTION auth.note_activity(ids uuid[], quiet interval) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
  noted integer;
BEGIN
  -- Losing the last moments of this in a power cut is no loss.
  PERFORM set_config('synchronous_commit', 'off', true);
  WITH used AS (
    SELECT id FROM auth.sessions
    WHERE id = ANY (ids) AND ended_at IS NULL AND expires_at > now() AND seen_at < now() - quiet
    FOR UPDATE SKIP LOCKED
  )
  UPDATE auth.sessions AS s SET seen_at = now() FROM used WHERE s.id = used.id;
  GET DIAGNOSTICS noted = ROW_COUNT;
  RETURN noted;
END $$;

-- Down Migration
DROP FUNCTION auth.note_activity(uuid[], interval);
DROP INDEX auth.sessions_of_tenant;
ALTER TABLE auth.sessions
  DROP COLUMN agent, DROP COLUMN seen_network, DROP COLUMN seen_country, DROP COLUMN seen_agent,
  DROP COLUMN flags;
