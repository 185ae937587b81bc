-- Up Migration
-- When everything that a subject of a foreign issuer had was taken back. We do not hold the sessions
-- of others: what was authenticated before this moment does not count any more.
CREATE TABLE auth.foreign_sign_outs (
  issuer text NOT NULL CHECK (length(issuer) BETWEEN 1 AND 512),
  subject text NOT NULL CHECK (length(subject) BETWEEN 1 AND 255),
  signed_out_at timestamptz NOT NULL,
  PRIMARY KEY (issuer, subject)
);

-- Down Migration
DROP TABLE auth.foreign_sign_outs;
