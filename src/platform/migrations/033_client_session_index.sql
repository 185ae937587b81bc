-- Up Migration
-- Each look-up of a machine's token asks by it.
CREATE UNIQUE INDEX oauth_clients_session ON auth.oauth_clients (session_id);

-- Down Migration
DROP INDEX auth.oauth_clients_session;
