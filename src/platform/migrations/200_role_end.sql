-- Up Migration
-- A role may be given for a while. Null: until it is taken. What is over counts nowhere; its row
-- stays until the role is given again.
ALTER TABLE iam.user_role_association ADD COLUMN expires_at timestamptz;

-- Down Migration
-- What was given for a while is not given for ever.
DELETE FROM iam.user_role_association WHERE expires_at IS NOT NULL;
ALTER TABLE iam.user_role_association DROP COLUMN expires_at;
