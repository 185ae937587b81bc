-- Up Migration
CREATE SCHEMA IF NOT EXISTS platform;

-- One row per scheduled job: the process that moves begun_at has the turn.
CREATE TABLE platform.job_turns (
  name text PRIMARY KEY,
  begun_at timestamptz NOT NULL
);

-- Down Migration
DROP TABLE platform.job_turns;
