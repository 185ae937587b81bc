-- Up Migration
-- What was unusual about the login that opened a session, and whether another device ever showed
-- its refresh token. Words, no places.
ALTER TABLE auth.sessions ADD COLUMN risk text[] NOT NULL DEFAULT '{}';

-- Down Migration
ALTER TABLE auth.sessions DROP COLUMN risk;
