-- Up Migration

-- Answers are kept for as long as a revision stands. So a number must never come back with another
-- state behind it, not even in a database that was restored from a copy: it is an instant now, in
-- microseconds, and still only grows.
--
-- The texts of clients and menus name their tags. A tag is never written anew by us; if it is, its
-- author's revision tells. It may be one of a public recipe.
create or replace function recipes_catalog.raise_revision() returns trigger language plpgsql as $$
declare
  row_of record := case when tg_op = 'DELETE' then old else new end;
  was_public boolean := tg_table_name = 'tags';
  raised text := coalesce(current_setting('recipes_catalog.raised', true), '');
  instant bigint := extract(epoch from clock_timestamp()) * 1000000;
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
  values (row_of.tenant_id, 'author', row_of.author_id, instant)
  on conflict (tenant_id, scope, whose) do update
    set revision = greatest(known.revision + 1, instant);
  if was_public then
    insert into recipes_catalog.revisions as known (tenant_id, scope, whose, revision)
    values (row_of.tenant_id, 'public', row_of.tenant_id, instant)
    on conflict (tenant_id, scope, whose) do update
      set revision = greatest(known.revision + 1, instant);
  end if;
  insert into recipes_catalog.revisions as known (tenant_id, scope, whose, revision)
  values (row_of.tenant_id, 'tenant', row_of.tenant_id, instant)
  on conflict (tenant_id, scope, whose) do update
    set revision = greatest(known.revision + 1, instant);
  perform set_config('recipes_catalog.raised', raised || mark, true);
  return null;
end
$$;

create constraint trigger tags_revision
  after update on shared_kernel.tags deferrable initially deferred
  for each row execute function recipes_catalog.raise_revision();

-- Down Migration

drop trigger tags_revision on shared_kernel.tags;
create or replace function recipes_catalog.raise_revision() returns trigger language plpgsql as $$
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
