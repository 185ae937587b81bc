-- Up Migration
-- A tenant's own key for TypeForm, sealed under the key-encryption keys and bound to the tenant.
create table client_onboarding.typeform_keys (
  tenant_id uuid primary key,
  -- Of this setting of the key: the next one has another.
  id uuid not null unique,
  sealed_key text not null check (char_length(sealed_key) between 1 and 4096),
  set_by text not null,
  set_at timestamptz(3) not null default now()
);

-- `told_as` names the webhook secret and the key with which TypeForm was told last, `asked_as` those
-- with which it was last asked to be told; the tenant is whose key it is.
alter table client_onboarding.form_webhooks
  add column tenant_id uuid,
  add column told_as text,
  add column asked_as text;
update client_onboarding.form_webhooks w
   set tenant_id = (select f.tenant_id from client_onboarding.onboarding_forms f
                     where f.typeform_id = w.typeform_id order by f.id desc limit 1);

-- The webhook secret of the process that started last, by a mark that does not give it away.
create table client_onboarding.webhook_secret (
  name text primary key,
  mark text not null,
  since timestamptz not null default now()
);

-- What one person answered may be erased; the row stays, so that a copy does not bring it back.
alter table client_onboarding.form_responses add column erased_at timestamptz(3);

-- Down Migration
delete from client_onboarding.form_responses where erased_at is not null;
alter table client_onboarding.form_responses drop column erased_at;
drop table client_onboarding.webhook_secret;
alter table client_onboarding.form_webhooks
  drop column tenant_id, drop column told_as, drop column asked_as;
drop table client_onboarding.typeform_keys;
