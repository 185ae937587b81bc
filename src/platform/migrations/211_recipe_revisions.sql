-- Up Migration

-- A number that changes with everything that a filter or an order of a list can see, in the same
-- transaction: one for what an author has, one for what is public in a tenant, one for all of a
-- tenant. Whoever found something at a number has found it for as long as he reads the same number.
create table recipes_catalog.revisions (
  tenant_id uuid not null,
  scope text not null check (scope in ('author', 'public', 'tenant')),
  -- The author; for the others the tenant again.
  whose uuid not null,
  revision bigint not null,
  primary key (tenant_id, scope, whose)
) with (fillfactor = 50);

-- Runs just before COMMIT, when every other lock is held: so nobody who waits for the number of
-- another holds what that other still needs. Once for an author, however many rows were changed.
create function recipes_catalog.raise_revision() returns trigger language plpgsql as $$
declare
  row_of record := case when tg_op = 'DELETE' then old else new end;
  was_public boolean := false;
  raised text := coalesce(current_setting('recipes_catalog.raised', true), '');
  mark text;
begin
  if tg_table_name = 'recipes' then
    was_public := row_of.privacy = 'public' or (tg_op = 'UPDATE' and old.privacy = 'public');
  end if;
  mark := concat_ws('/', '', row_of.tenant_id, row_of.author_id, was_public);
  if position(mark in raised) > 0 then
    return null;
  end if;
  insert into recipes_catalog.revisions as known (tenant_id, scope, whose, revision)
  values (row_of.tenant_id, 'author', row_of.author_id, 1)
  on conflict (tenant_id, scope, whose) do update set revision = known.revision + 1;
  if was_public then
    insert into recipes_catalog.revisions as known (tenant_id, scope, whose, revision)
    values (row_of.tenant_id, 'public', row_of.tenant_id, 1)
    on conflict (tenant_id, scope, whose) do update set revision = known.revision + 1;
  end if;
  insert into recipes_catalog.revisions as known (tenant_id, scope, whose, revision)
  values (row_of.tenant_id, 'tenant', row_of.tenant_id, 1)
  on conflict (tenant_id, scope, whose) do update set revision = known.revision + 1;
  perform set_config('recipes_catalog.raised', raised || mark, true);
  return null;
end
$$;

create constraint trigger clients_revision
  after insert or update or delete on recipes_catalog.clients deferrable initially deferred
  for each row execute function recipes_catalog.raise_revision();
create constraint trigger menus_revision
  after insert or update or delete on recipes_catalog.menus deferrable initially deferred
  for each row execute function recipes_catalog.raise_revision();
create constraint trigger meals_revision
  after insert or update or delete on recipes_catalog.meals deferrable initially deferred
  for each row execute function recipes_catalog.raise_revision();
create constraint trigger recipes_revision
  after insert or update or delete on recipes_catalog.recipes deferrable initially deferred
  for each row execute function recipes_catalog.raise_revision();

-- Down Migration

drop trigger recipes_revision on recipes_catalog.recipes;
drop trigger meals_revision on recipes_catalog.meals;
drop trigger menus_revision on recipes_catalog.menus;
drop trigger clients_revision on recipes_catalog.clients;
drop function recipes_catalog.raise_revision();
drop table recipes_catalog.revisions;
