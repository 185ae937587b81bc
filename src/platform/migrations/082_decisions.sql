-- Up Migration
-- Why single requests were refused, for operators who are given a reference. Written in batches,
-- sampled in a flood, kept for days: not the audit log, and nothing is proven by it.
CREATE SEQUENCE auth.decision_numbers;
CREATE TABLE auth.decisions (
  number bigint PRIMARY KEY DEFAULT nextval('auth.decision_numbers'),
  at timestamptz NOT NULL,
  request_id text NOT NULL,
  -- Undefined: whoever called is of no tenant that we know of.
  tenant_id text,
  status smallint NOT NULL,
  code text NOT NULL,
  reason text NOT NULL,
  method text NOT NULL,
  route text,
  issuer text,
  subject text,
  session_id text,
  network text,
  agent text
);
ALTER SEQUENCE auth.decision_numbers OWNED BY auth.decisions.number;
CREATE INDEX decisions_of_request ON auth.decisions (request_id);
CREATE INDEX decisions_by_time ON auth.decisions (at);

-- Down Migration
DROP TABLE auth.decisions;
