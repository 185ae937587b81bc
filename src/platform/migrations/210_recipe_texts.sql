-- Up Migration

-- How recipes and meals are answered, as JSON text, written in the statement that changes one of
-- them: whoever reads puts nothing together. Nutrition facts stand in it as they are stored,
-- between two U+0001, which JSON text never holds; the reader writes all 83 nutrients in there.
create table recipes_catalog.recipe_texts (
  recipe_id uuid primary key references recipes_catalog.recipes (id) on delete cascade,
  json text not null
);

-- The texts of a meal's recipes stand between head and tail.
create table recipes_catalog.meal_texts (
  meal_id uuid primary key references recipes_catalog.meals (id) on delete cascade,
  head text not null,
  tail text not null
);

create function recipes_catalog.facts_text(facts jsonb) returns text language sql immutable as $$
  select ',"nutri_facts":' || coalesce(chr(1) || facts::text || chr(1), 'null') || ','
$$;

create function recipes_catalog.instant_text(instant timestamptz) returns text
language sql stable as $$
  select to_char(instant at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
$$;

create function recipes_catalog.write_recipe_texts(ids uuid[]) returns void
language plpgsql set plan_cache_mode = force_generic_plan as $$
begin
  -- Who changes one of them at the same time is waited for; the next statement sees his work.
  perform from recipes_catalog.recipes where id = any (ids) order by id for no key update;
  insert into recipes_catalog.recipe_texts as texts (recipe_id, json)
  select r.id, left(to_json(head)::text, -1) || recipes_catalog.facts_text(r.nutri_facts)
               || substr(to_json(tail)::text, 2)
    from recipes_catalog.recipes r
   cross join lateral (
      select r.id, recipes_catalog.instant_text(r.created_at) as created_at,
             recipes_catalog.instant_text(r.updated_at) as updated_at, r.version, r.discarded,
             r.name, r.instructions, r.author_id, r.meal_id,
             (select coalesce('[' || string_agg(to_json(one)::text, ',' order by one.position) || ']', '[]')::json
                from (select i.name, i.quantity, i.unit, i.position, i.full_text, i.product_id
                        from recipes_catalog.ingredients i where i.recipe_id = r.id) one) as ingredients,
             r.description, r.utensils, r.total_time, r.notes,
             (select coalesce('[' || string_agg(to_json(one)::text, ',' order by one.key, one.value) || ']', '[]')::json
                from (select t.key, t.value, t.author_id, t.type
                        from recipes_catalog.recipes_tags a
                        join shared_kernel.tags t on t.id = a.tag_id
                       where a.recipe_id = r.id) one) as tags,
             r.privacy,
             (select coalesce('[' || string_agg(to_json(one)::text, ',' order by g.created_at, g.user_id) || ']', '[]')::json
                from recipes_catalog.ratings g
               cross join lateral (
                  select g.user_id, g.recipe_id, g.taste, g.convenience, g.comment) one
               where g.recipe_id = r.id) as ratings
    ) head
   cross join lateral (
      select r.weight_in_grams, r.image_url, r.average_taste_rating, r.average_convenience_rating
    ) tail
   where r.id = any (ids)
  on conflict (recipe_id) do update set json = excluded.json where texts.json <> excluded.json;
end
$$;

create function recipes_catalog.write_meal_texts(ids uuid[]) returns void
language plpgsql set plan_cache_mode = force_generic_plan as $$
begin
  perform from recipes_catalog.meals where id = any (ids) order by id for no key update;
  insert into recipes_catalog.meal_texts as texts (meal_id, head, tail)
  select m.id, left(to_json(head)::text, -1) || ',"recipes":[',
         '],' || substr(left(to_json(middle)::text, -1), 2)
              || recipes_catalog.facts_text(m.nutri_facts) || substr(to_json(tail)::text, 2)
    from recipes_catalog.meals m
   cross join lateral (
      select m.id, recipes_catalog.instant_text(m.created_at) as created_at,
             recipes_catalog.instant_text(m.updated_at) as updated_at, m.version, m.discarded,
             m.name, m.author_id, m.menu_id
    ) head
   cross join lateral (
      select (select coalesce('[' || string_agg(to_json(one)::text, ',' order by one.key, one.value) || ']', '[]')::json
                from (select t.key, t.value, t.author_id, t.type
                        from recipes_catalog.meals_tags a
                        join shared_kernel.tags t on t.id = a.tag_id
                       where a.meal_id = m.id) one) as tags,
             m.description, m.notes, m."like", m.image_url
    ) middle
   cross join lateral (
      select m.weight_in_grams, m.calorie_density, m.carbo_percentage, m.protein_percentage,
             m.total_fat_percentage
    ) tail
   where m.id = any (ids)
  on conflict (meal_id) do update set head = excluded.head, tail = excluded.tail
   where (texts.head, texts.tail) <> (excluded.head, excluded.tail);
end
$$;

-- Arguments: whose texts, and the column that names them in the table of the trigger.
create function recipes_catalog.renew_texts() returns trigger language plpgsql as $$
declare
  ids uuid[];
begin
  execute format(
    case tg_op
      when 'UPDATE' then
        'select array_agg(id) from (select %1$I as id from changed union select %1$I from former) touched'
      else 'select array_agg(distinct %1$I) from changed'
    end, tg_argv[1]) into ids;
  if ids is not null then
    execute format('select recipes_catalog.write_%I($1)', tg_argv[0]) using ids;
  end if;
  return null;
end
$$;

-- A tag is never written anew by us; if it is, those that have it tell.
create function recipes_catalog.renew_texts_of_tag() returns trigger language plpgsql as $$
begin
  perform recipes_catalog.write_recipe_texts(array(
    select a.recipe_id from recipes_catalog.recipes_tags a join changed t on t.id = a.tag_id));
  perform recipes_catalog.write_meal_texts(array(
    select a.meal_id from recipes_catalog.meals_tags a join changed t on t.id = a.tag_id));
  return null;
end
$$;
create trigger tags_text after update on shared_kernel.tags
  referencing new table as changed
  for each statement execute function recipes_catalog.renew_texts_of_tag();

do $$
declare
  source record;
  event record;
begin
  for source in select * from (values
    ('recipes', 'recipe_texts', 'id'), ('ingredients', 'recipe_texts', 'recipe_id'),
    ('ratings', 'recipe_texts', 'recipe_id'), ('recipes_tags', 'recipe_texts', 'recipe_id'),
    ('meals', 'meal_texts', 'id'), ('meals_tags', 'meal_texts', 'meal_id')
  ) as sources (name, texts, key) loop
    for event in select * from (values
      ('insert', 'new table as changed'), ('delete', 'old table as changed'),
      ('update', 'new table as changed old table as former')
    ) as events (name, tables) loop
      -- With the row itself its text goes.
      continue when event.name = 'delete' and source.key = 'id';
      execute format(
        'create trigger %I after %s on recipes_catalog.%I referencing %s
           for each statement execute function recipes_catalog.renew_texts(%L, %L)',
        source.name || '_text_' || event.name, event.name, source.name, event.tables,
        source.texts, source.key);
    end loop;
  end loop;
end
$$;

select recipes_catalog.write_recipe_texts(array(select id from recipes_catalog.recipes));
select recipes_catalog.write_meal_texts(array(select id from recipes_catalog.meals));

-- Down Migration

do $$
declare
  named record;
begin
  for named in select tgname, tgrelid::regclass as place from pg_trigger
                where tgfoid = 'recipes_catalog.renew_texts()'::regprocedure loop
    execute format('drop trigger %I on %s', named.tgname, named.place);
  end loop;
end
$$;
drop trigger tags_text on shared_kernel.tags;
drop function recipes_catalog.renew_texts_of_tag();
drop function recipes_catalog.renew_texts();
drop function recipes_catalog.write_meal_texts(uuid[]);
drop function recipes_catalog.write_recipe_texts(uuid[]);
drop function recipes_catalog.instant_text(timestamptz);
drop function recipes_catalog.facts_text(jsonb);
drop table recipes_catalog.meal_texts;
drop table recipes_catalog.recipe_texts;
