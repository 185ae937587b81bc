-- Up Migration
-- What a tenant decides for itself; what is absent is the server's default.
ALTER TABLE auth.tenants
  ADD COLUMN policy jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(policy) = 'object'),
  ADD COLUMN active boolean NOT NULL DEFAULT true,
  ADD COLUMN version integer NOT NULL DEFAULT 1,
  ADD COLUMN updated_at timestamptz NOT NULL DEFAULT now();

-- Down Migration
ALTER TABLE auth.tenants
  DROP COLUMN policy, DROP COLUMN active, DROP COLUMN version, DROP COLUMN updated_at;
