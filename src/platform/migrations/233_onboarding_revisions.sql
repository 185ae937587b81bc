-- Up Migration

-- A number that changes with every form and every answer of an owner, in the same transaction: what
-- was read at a number is true for as long as the same number is read. It is an instant, in
-- microseconds, so that none comes back with another state behind it, not even in a database that
-- was restored from a copy; and it only grows.
create table client_onboarding.revisions (
  tenant_id uuid not null,
  user_id uuid not null,
  revision bigint not null,
  primary key (tenant_id, user_id)
) with (fillfactor = 50);

-- Runs just before COMMIT, when every other lock is held: so nobody who waits for the number of
-- another holds what that other still needs. Once for an owner, however many rows were changed.
create function client_onboarding.raise_revision() returns trigger language plpgsql as $$
declare
  row_of record := case when tg_op = 'DELETE' then old else new end;
  raised text := coalesce(current_setting('client_onboarding.raised', true), '');
  mark text := concat_ws('/', '', row_of.tenant_id, row_of.user_id);
  instant bigint := extract(epoch from clock_timestamp()) * 1000000;
begin
  if position(mark in raised) > 0 then
    return null;
  end if;
  insert into client_onboarding.revisions as known (tenant_id, user_id, revision)
  values (row_of.tenant_id, row_of.user_id, instant)
  on conflict (tenant_id, user_id) do update
    set revision = greatest(known.revision + 1, instant);
  perform set_config('client_onboarding.raised', raised || mark, true);
  return null;
end
$$;

create constraint trigger onboarding_forms_revision
  after insert or update or delete on client_onboarding.onboarding_forms
  deferrable initially deferred
  for each row execute function client_onboarding.raise_revision();
create constraint trigger form_responses_revision
  after insert or update or delete on client_onboarding.form_responses
  deferrable initially deferred
  for each row execute function client_onboarding.raise_revision();

-- Down Migration

drop trigger form_responses_revision on client_onboarding.form_responses;
drop trigger onboarding_forms_revision on client_onboarding.onboarding_forms;
drop function client_onboarding.raise_revision();
drop table client_onboarding.revisions;
