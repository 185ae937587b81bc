-- Up Migration

-- Users of a tenant: one index for each order, with what narrows the list, so that pages and
-- counts read no row that is not shown.
DROP INDEX iam.users_of_tenant;
CREATE INDEX users_of_tenant ON iam.users (tenant_id, created_at, id) INCLUDE (discarded, issuer);
CREATE INDEX users_of_tenant_updated ON iam.users (tenant_id, updated_at, id)
  INCLUDE (discarded, issuer);
CREATE INDEX users_of_tenant_id ON iam.users (tenant_id, id) INCLUDE (discarded, issuer);
CREATE INDEX users_of_subject ON iam.users (tenant_id, subject);
DROP INDEX iam.users_of_role;
CREATE INDEX users_of_role ON iam.user_role_association (role_context, role_name, user_id)
  INCLUDE (expires_at);
CREATE INDEX users_of_role_name ON iam.user_role_association (role_name, user_id)
  INCLUDE (expires_at);

-- Accounts of a tenant, by their standing and by beginnings.
DROP INDEX auth.accounts_of_tenant;
CREATE INDEX accounts_of_tenant ON auth.accounts (tenant_id, created_at, id)
  INCLUDE (active, disabled_kind);
CREATE INDEX accounts_disabled ON auth.accounts (tenant_id, created_at, id)
  INCLUDE (disabled_kind) WHERE NOT active;
CREATE INDEX accounts_of_email ON auth.accounts (tenant_id, lower(email) text_pattern_ops);
CREATE INDEX accounts_of_username ON auth.accounts (tenant_id, lower(username) text_pattern_ops);
CREATE INDEX accounts_of_name ON auth.accounts (tenant_id, lower(name) text_pattern_ops);

-- Answers of a form and of a user, counted by the index alone; what was erased says so in it.
DROP INDEX client_onboarding.form_responses_of_form;
CREATE INDEX form_responses_of_form
  ON client_onboarding.form_responses (form_id, submitted_at, id) INCLUDE (user_id, erased_at);
DROP INDEX client_onboarding.form_responses_of_user;
CREATE INDEX form_responses_of_user
  ON client_onboarding.form_responses (user_id, submitted_at, id) INCLUDE (form_id, erased_at);
CREATE INDEX onboarding_forms_of_user_updated
  ON client_onboarding.onboarding_forms (user_id, updated_at, id);
CREATE INDEX onboarding_forms_of_user_typeform
  ON client_onboarding.onboarding_forms (user_id, typeform_id, id);

-- Down Migration

DROP INDEX client_onboarding.onboarding_forms_of_user_typeform;
DROP INDEX client_onboarding.onboarding_forms_of_user_updated;
DROP INDEX client_onboarding.form_responses_of_user;
CREATE INDEX form_responses_of_user
  ON client_onboarding.form_responses (user_id, submitted_at, id);
DROP INDEX client_onboarding.form_responses_of_form;
CREATE INDEX form_responses_of_form
  ON client_onboarding.form_responses (form_id, submitted_at, id);
DROP INDEX auth.accounts_of_name;
DROP INDEX auth.accounts_of_username;
DROP INDEX auth.accounts_of_email;
DROP INDEX auth.accounts_disabled;
DROP INDEX auth.accounts_of_tenant;
CREATE INDEX accounts_of_tenant ON auth.accounts (tenant_id, created_at, id);
DROP INDEX iam.users_of_role_name;
DROP INDEX iam.users_of_role;
CREATE INDEX users_of_role ON iam.user_role_association (role_context, role_name, user_id);
DROP INDEX iam.users_of_subject;
DROP INDEX iam.users_of_tenant_id;
DROP INDEX iam.users_of_tenant_updated;
DROP INDEX iam.users_of_tenant;
CREATE INDEX users_of_tenant ON iam.users (tenant_id, created_at, id);
