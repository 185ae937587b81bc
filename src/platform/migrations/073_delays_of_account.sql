-- Up Migration
-- Whatever ends a lock forgets the delays of the account.
CREATE INDEX login_delays_of_account ON auth.login_delays (account_id)
  WHERE account_id IS NOT NULL;

-- Down Migration
DROP INDEX auth.login_delays_of_account;
