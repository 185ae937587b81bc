-- Up Migration
CREATE SCHEMA IF NOT EXISTS iam;

-- Our own issuer is stored as 'local': moving to another public address orphans nobody.
CREATE TABLE iam.users (
  id uuid PRIMARY KEY,
  issuer text NOT NULL CHECK (issuer <> ''),
  subject text NOT NULL CHECK (subject <> ''),
  tenant_id uuid NOT NULL,
  version integer NOT NULL DEFAULT 1,
  discarded boolean NOT NULL DEFAULT false,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT users_identity UNIQUE (issuer, subject)
);
CREATE INDEX users_of_tenant ON iam.users (tenant_id, created_at, id);

-- The catalogue. Rows of the nil tenant are built in, common to all tenants and never changed by
-- an API call; the other rows belong to the tenant that made them.
CREATE TABLE iam.roles (
  tenant_id uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
  context text NOT NULL CHECK (
    context IN ('products_catalog', 'recipes_catalog', 'client_onboarding', 'iam')
  ),
  name text NOT NULL CHECK (name ~ '^[a-z0-9_]{3,50}$'),
  permissions text[] NOT NULL,
  version integer NOT NULL DEFAULT 1,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT roles_key PRIMARY KEY (context, name, tenant_id)
);

CREATE TABLE iam.user_role_association (
  user_id uuid NOT NULL REFERENCES iam.users (id) ON DELETE CASCADE,
  role_context text NOT NULL,
  role_name text NOT NULL,
  role_tenant_id uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
  assigned_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT user_role_key PRIMARY KEY (user_id, role_context, role_name),
  CONSTRAINT user_role_exists FOREIGN KEY (role_context, role_name, role_tenant_id)
    REFERENCES iam.roles (context, name, tenant_id)
);
CREATE INDEX users_of_role ON iam.user_role_association (role_context, role_name, user_id);

INSERT INTO iam.roles (context, name, permissions) VALUES
  ('iam', 'administrator', '{manage_users,manage_roles,view_audit_log}'),
  ('iam', 'user_manager', '{manage_users}'),
  ('iam', 'role_manager', '{manage_roles}'),
  ('iam', 'auditor', '{view_audit_log}'),
  ('iam', 'user', '{access_basic_features}'),
  ('iam', 'developer', '{access_developer_tools}'),
  ('iam', 'support_staff', '{access_support,access_basic_features}'),
  ('products_catalog', 'administrator', '{manage_users,manage_products,view_audit_log}'),
  ('products_catalog', 'user_manager', '{manage_users}'),
  ('products_catalog', 'product_manager', '{manage_products}'),
  ('products_catalog', 'auditor', '{view_audit_log}'),
  ('products_catalog', 'user', '{access_basic_features}'),
  ('products_catalog', 'developer', '{access_developer_tools}'),
  ('products_catalog', 'support_staff', '{access_support,access_basic_features}'),
  ('recipes_catalog', 'administrator',
   '{manage_users,manage_recipes,manage_meals,manage_menus,manage_clients,view_audit_log}'),
  ('recipes_catalog', 'user_manager', '{manage_users}'),
  ('recipes_catalog', 'recipe_manager', '{manage_recipes}'),
  ('recipes_catalog', 'meal_manager', '{manage_meals}'),
  ('recipes_catalog', 'menu_manager', '{manage_menus}'),
  ('recipes_catalog', 'client_manager', '{manage_clients}'),
  ('recipes_catalog', 'auditor', '{view_audit_log}'),
  ('recipes_catalog', 'user', '{access_basic_features}'),
  ('recipes_catalog', 'developer', '{access_developer_tools}'),
  ('recipes_catalog', 'support_staff', '{access_support,access_basic_features}'),
  ('client_onboarding', 'form_administrator',
   '{manage_onboarding_forms,view_onboarding_responses,configure_typeform_webhooks,access_client_data,manage_field_mappings,view_audit_log}'),
  ('client_onboarding', 'form_manager',
   '{manage_onboarding_forms,view_onboarding_responses,configure_typeform_webhooks,access_client_data}'),
  ('client_onboarding', 'form_viewer', '{view_onboarding_responses,access_client_data}'),
  ('client_onboarding', 'user', '{access_basic_features}'),
  ('client_onboarding', 'developer', '{access_developer_tools}'),
  ('client_onboarding', 'support_staff', '{access_support,access_basic_features}');

-- Down Migration
DROP SCHEMA iam CASCADE;
