-- Up Migration
CREATE SCHEMA IF NOT EXISTS platform;

-- Effects outside the database, written in the transaction of their cause and carried out after
-- it. `sealed` holds what must not be read in the table: a mail may carry a secret.
CREATE TABLE platform.outbox (
  id uuid PRIMARY KEY,
  kind text NOT NULL,
  payload jsonb NOT NULL DEFAULT '{}',
  sealed bytea,
  attempts integer NOT NULL DEFAULT 0,
  last_error text,
  created_at timestamptz NOT NULL DEFAULT now(),
  due_at timestamptz NOT NULL DEFAULT now(),
  done_at timestamptz,
  given_up_at timestamptz
) WITH (fillfactor = 80);
CREATE INDEX outbox_due ON platform.outbox (due_at, id)
  WHERE done_at IS NULL AND given_up_at IS NULL;
CREATE INDEX outbox_done ON platform.outbox (done_at) WHERE done_at IS NOT NULL;

-- Down Migration
DROP TABLE platform.outbox;
