-- Up Migration
create schema if not exists http;

-- Requests that named an `Idempotency-Key`. `claim` is the one attempt that may carry the request
-- out: its transactions change nothing once another attempt has taken the row over.
create table http.idempotent_requests (
  caller text not null check (char_length(caller) between 1 and 600),
  key text not null check (char_length(key) between 1 and 255),
  claim uuid not null,
  fingerprint bytea not null check (octet_length(fingerprint) = 32),
  -- running: nothing has happened yet · committed: it has, the answer is not known · answered
  state text not null check (state in ('running', 'committed', 'answered')),
  running_until timestamptz not null,
  status smallint,
  headers jsonb,
  body text,
  created_at timestamptz not null default clock_timestamp(),
  primary key (caller, key),
  check ((state = 'answered') = (status is not null))
);
create index idempotent_requests_by_age on http.idempotent_requests (created_at);

-- Down Migration
drop schema http cascade;
