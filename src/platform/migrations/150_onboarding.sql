-- Up Migration
create schema if not exists client_onboarding;

create table client_onboarding.onboarding_forms (
  id integer generated always as identity primary key,
  tenant_id uuid not null,
  user_id uuid not null,
  typeform_id text collate "C" not null check (char_length(typeform_id) between 3 and 255),
  webhook_url text not null check (char_length(webhook_url) between 1 and 2083),
  status text not null default 'draft'
    check (status in ('draft', 'active', 'paused', 'completed', 'deleted')),
  version integer not null default 1 check (version >= 1),
  created_at timestamptz(3) not null default now(),
  updated_at timestamptz(3) not null default now()
);
-- A form is its first registrant's, over all tenants; who deletes it makes room for another.
create unique index onboarding_forms_living
  on client_onboarding.onboarding_forms (typeform_id) where status <> 'deleted';
create index onboarding_forms_of_user
  on client_onboarding.onboarding_forms (user_id, created_at, id);

create table client_onboarding.form_responses (
  id integer generated always as identity primary key,
  tenant_id uuid not null,
  user_id uuid not null,
  form_id integer not null references client_onboarding.onboarding_forms (id) on delete cascade,
  response_id text collate "C" not null check (char_length(response_id) between 1 and 255),
  submission_id text,
  response_data jsonb not null check (jsonb_typeof(response_data) = 'object'),
  client_identifiers jsonb check (jsonb_typeof(client_identifiers) = 'object'),
  submitted_at timestamptz(3) not null,
  processed_at timestamptz(3) not null,
  created_at timestamptz(3) not null default now(),
  updated_at timestamptz(3) not null default now(),
  constraint form_responses_once unique (response_id)
);
create index form_responses_of_form
  on client_onboarding.form_responses (form_id, submitted_at, id);
create index form_responses_of_user
  on client_onboarding.form_responses (user_id, submitted_at, id);
create index form_responses_age on client_onboarding.form_responses (created_at);

-- What TypeForm was told of each form's webhook. `wanted` counts the changes of the rows above,
-- `applied` is the last of them that TypeForm knows; who holds the lease may tell it.
create table client_onboarding.form_webhooks (
  typeform_id text collate "C" primary key,
  wanted integer not null,
  applied integer not null default 0,
  lease_id uuid,
  leased_until timestamptz not null default '-infinity'
);

-- When the next call to TypeForm may be made, by whichever process.
create table client_onboarding.typeform_pace (
  name text primary key,
  next_at timestamptz not null
);

-- Down Migration
drop table client_onboarding.typeform_pace;
drop table client_onboarding.form_webhooks;
drop table client_onboarding.form_responses;
drop table client_onboarding.onboarding_forms;
drop schema client_onboarding;
