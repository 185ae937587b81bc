-- Up Migration

-- Which keys a process has in all of its threads. A key signs only after every live process has it.
ALTER TABLE auth.instances ADD COLUMN loaded_kids text[] NOT NULL DEFAULT '{}';

CREATE FUNCTION auth.acknowledge_instance(
  instance uuid, reached bigint, kids text[], forgotten interval)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM set_config('synchronous_commit', 'off', true);
  INSERT INTO auth.instances (id, acknowledged, loaded_kids)
  VALUES (instance, reached, kids)
  ON CONFLICT (id) DO UPDATE SET acknowledged = excluded.acknowledged,
    loaded_kids = excluded.loaded_kids, seen_at = clock_timestamp();
  DELETE FROM auth.instances WHERE seen_at < clock_timestamp() - forgotten;
END $$;

-- loaded_at: of a next key, since when every live process publishes it. rotation_asked_at: of an
-- active key, that it is to be followed as soon as that is safe. kept_seconds: how long it verifies
-- after it retired. cached_seconds: how long others may hold a key set without it.
ALTER TABLE auth.signing_keys
  ADD COLUMN loaded_at timestamptz,
  ADD COLUMN rotation_asked_at timestamptz,
  ADD COLUMN kept_seconds integer NOT NULL DEFAULT 7200 CHECK (kept_seconds > 0),
  ADD COLUMN cached_seconds integer NOT NULL DEFAULT 0 CHECK (cached_seconds >= 0);
-- Those of before had the longest life that the settings gave.
UPDATE auth.signing_keys SET kept_seconds = 7776000 WHERE use = 'mac';

-- Counts the changes of the keys: who has another number has other keys.
CREATE TABLE auth.key_ring (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  version bigint NOT NULL DEFAULT 1
);
INSERT INTO auth.key_ring DEFAULT VALUES;

-- Also for a change by hand. The notification wakes the bus of every process.
CREATE FUNCTION auth.count_key_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE auth.key_ring SET version = version + 1;
  PERFORM pg_notify('brigade_invalidation', 'keys');
  RETURN NULL;
END $$;
CREATE TRIGGER signing_keys_came_or_went AFTER INSERT OR DELETE ON auth.signing_keys
  FOR EACH ROW EXECUTE FUNCTION auth.count_key_change();
CREATE TRIGGER signing_keys_changed AFTER UPDATE ON auth.signing_keys
  FOR EACH ROW WHEN (OLD.state <> NEW.state OR OLD.public_jwk IS DISTINCT FROM NEW.public_jwk)
  EXECUTE FUNCTION auth.count_key_change();

-- Down Migration
DROP TRIGGER signing_keys_changed ON auth.signing_keys;
DROP TRIGGER signing_keys_came_or_went ON auth.signing_keys;
DROP FUNCTION auth.count_key_change();
DROP TABLE auth.key_ring;
ALTER TABLE auth.signing_keys
  DROP COLUMN loaded_at,
  DROP COLUMN rotation_asked_at,
  DROP COLUMN kept_seconds,
  DROP COLUMN cached_seconds;
DROP FUNCTION auth.acknowledge_instance(uuid, bigint, text[], interval);
ALTER TABLE auth.instances DROP COLUMN loaded_kids;
