-- Up Migration
-- How many identifiers failed from one network of late is asked at each login.
CREATE INDEX login_delays_of_network ON auth.login_delays (network, failed_at);

-- Down Migration
DROP INDEX auth.login_delays_of_network;
