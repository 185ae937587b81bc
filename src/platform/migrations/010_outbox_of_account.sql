-- Up Migration
-- Whose effects they are, so that nothing is left of somebody who is erased.
CREATE INDEX outbox_of_account ON platform.outbox ((payload ->> 'account_id'))
  WHERE payload ? 'account_id';

-- The language of an account's mails; what it asked for when it was made.
ALTER TABLE auth.accounts ADD COLUMN language text CHECK (length(language) BETWEEN 2 AND 16);

-- Down Migration
ALTER TABLE auth.accounts DROP COLUMN language;
DROP INDEX platform.outbox_of_account;
