-- Up Migration
-- Where an event was asked from, as far as it is known: ISO 3166 alpha-2, and the words by which
-- a person recognises a device.
ALTER TABLE auth.audit_log
  ADD COLUMN country text,
  ADD COLUMN device text;

-- Down Migration
ALTER TABLE auth.audit_log
  DROP COLUMN country,
  DROP COLUMN device;
