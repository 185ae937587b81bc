-- Up Migration

create extension if not exists pg_trgm;
create schema if not exists products_catalog;

-- What a nutrient, a score part or a package size may be: finite and not negative.
create domain products_catalog.amount as float8
  check (value >= 0 and value < 'Infinity');

create table products_catalog.sources (
  id uuid primary key,
  name text collate "und-x-icu" not null check (char_length(name) between 1 and 200),
  description text,
  author_id uuid not null,
  created_at timestamptz(3) not null default now(),
  updated_at timestamptz(3) not null default now(),
  discarded boolean not null default false,
  version integer not null default 1
);

create table products_catalog.brands (
  like products_catalog.sources including all
);

create table products_catalog.classifications (
  like products_catalog.sources including all,
  type text not null
    check (type in ('category', 'parent_category', 'food_group', 'process_type'))
);

create unique index sources_name_key on products_catalog.sources (name) where not discarded;
create unique index brands_name_key on products_catalog.brands (name) where not discarded;
create unique index classifications_name_key
  on products_catalog.classifications (type, name) where not discarded;
create index sources_created_at on products_catalog.sources (created_at, id) where not discarded;
create index brands_created_at on products_catalog.brands (created_at, id) where not discarded;
create index classifications_created_at
  on products_catalog.classifications (type, created_at, id) where not discarded;

-- The sources that the program knows by name. Their ids are fixed, because `products.is_listed`
-- must tell an `auto` product without a look-up.
insert into products_catalog.sources (id, name, description, author_id)
select ids.id::uuid, ids.name, ids.description, '00000000-0000-0000-0000-000000000000'
from (values
  ('00000000-0000-7000-8000-000000000001', 'manual', 'Entered by a product manager'),
  ('00000000-0000-7000-8000-000000000002', 'tbca', 'Tabela Brasileira de Composição de Alimentos'),
  ('00000000-0000-7000-8000-000000000003', 'taco', 'Tabela Brasileira de Composição de Alimentos (TACO)'),
  ('00000000-0000-7000-8000-000000000004', 'private', 'Entered by a house for itself'),
  ('00000000-0000-7000-8000-000000000005', 'gs1', 'GS1 product registry'),
  ('00000000-0000-7000-8000-000000000006', 'auto', 'Made from a barcode that a house scanned')
) as ids (id, name, description);

create table products_catalog.products (
  id uuid primary key,
  version integer not null default 1 check (version >= 1),
  discarded boolean not null default false,
  created_at timestamptz(3) not null default now(),
  updated_at timestamptz(3) not null default now(),
  source_id uuid not null references products_catalog.sources (id),
  -- ICU order: under the C locale 'ä' would sort after 'z'.
  name text collate "und-x-icu" not null check (char_length(name) <= 500),
  -- The name as the similar-name search compares it; made by name-preparation.ts.
  prepared_name text not null,
  is_food boolean,
  is_food_houses_choice boolean,
  -- False: an `auto` product of which the houses have not decided whether it is food.
  is_listed boolean not null generated always as (
    source_id <> '00000000-0000-7000-8000-000000000006' or is_food_houses_choice is not null
  ) stored,
  shopping_name text,
  store_department_name text,
  recommended_brands_and_products text,
  edible_yield float8 check (edible_yield > 0 and edible_yield <= 1),
  kg_per_unit products_catalog.amount,
  liters_per_kg products_catalog.amount,
  nutrition_group text,
  cooking_factor products_catalog.amount,
  conservation_days integer check (conservation_days >= 0),
  substitutes text,
  barcode text check (char_length(barcode) between 1 and 50),
  brand_id uuid references products_catalog.brands (id),
  category_id uuid references products_catalog.classifications (id),
  parent_category_id uuid references products_catalog.classifications (id),
  food_group_id uuid references products_catalog.classifications (id),
  process_type_id uuid references products_catalog.classifications (id),
  final_score products_catalog.amount check (final_score <= 100),
  ingredients_score products_catalog.amount check (ingredients_score <= 100),
  nutrients_score products_catalog.amount check (nutrients_score <= 100),
  ingredients text,
  package_size products_catalog.amount,
  package_size_unit text check (package_size_unit in
    ('un', 'kg', 'g', 'mg', 'mcg', 'l', 'ml', 'percent', 'kcal', 'IU')),
  image_url text check (char_length(image_url) <= 2083),
  json_data text,
  -- Natural key of an imported row inside its source: a second import finds it again.
  import_key text,
  -- Null: the product has no nutrition facts. Else the units of those nutrients that are not in
  -- their default unit, by name; the amounts are in the columns below, null is "not given".
  nutrient_units jsonb check (jsonb_typeof(nutrient_units) = 'object'),
  calories products_catalog.amount, protein products_catalog.amount,
  carbohydrate products_catalog.amount, total_fat products_catalog.amount,
  saturated_fat products_catalog.amount, trans_fat products_catalog.amount,
  dietary_fiber products_catalog.amount, sodium products_catalog.amount,
  arachidonic_acid products_catalog.amount, ashes products_catalog.amount,
  dha products_catalog.amount, epa products_catalog.amount, sugar products_catalog.amount,
  starch products_catalog.amount, biotin products_catalog.amount, boro products_catalog.amount,
  caffeine products_catalog.amount, calcium products_catalog.amount,
  chlorine products_catalog.amount, copper products_catalog.amount,
  cholesterol products_catalog.amount, choline products_catalog.amount,
  chrome products_catalog.amount, dextrose products_catalog.amount, sulfur products_catalog.amount,
  phenylalanine products_catalog.amount, iron products_catalog.amount,
  insoluble_fiber products_catalog.amount, soluble_fiber products_catalog.amount,
  fluor products_catalog.amount, phosphorus products_catalog.amount,
  fructo_oligosaccharides products_catalog.amount, fructose products_catalog.amount,
  galacto_oligosaccharides products_catalog.amount, galactose products_catalog.amount,
  glucose products_catalog.amount, glucoronolactone products_catalog.amount,
  monounsaturated_fat products_catalog.amount, polyunsaturated_fat products_catalog.amount,
  guarana products_catalog.amount, inositol products_catalog.amount, inulin products_catalog.amount,
  iodine products_catalog.amount, l_carnitine products_catalog.amount,
  l_methionine products_catalog.amount, lactose products_catalog.amount,
  magnesium products_catalog.amount, maltose products_catalog.amount,
  manganese products_catalog.amount, molybdenum products_catalog.amount,
  linolenic_acid products_catalog.amount, linoleic_acid products_catalog.amount,
  omega_7 products_catalog.amount, omega_9 products_catalog.amount,
  oleic_acid products_catalog.amount, other_carbo products_catalog.amount,
  polydextrose products_catalog.amount, polyols products_catalog.amount,
  potassium products_catalog.amount, sacarose products_catalog.amount,
  selenium products_catalog.amount, silicon products_catalog.amount,
  sorbitol products_catalog.amount, sucralose products_catalog.amount,
  taurine products_catalog.amount, vitamin_a products_catalog.amount,
  vitamin_b1 products_catalog.amount, vitamin_b2 products_catalog.amount,
  vitamin_b3 products_catalog.amount, vitamin_b5 products_catalog.amount,
  vitamin_b6 products_catalog.amount, folic_acid products_catalog.amount,
  vitamin_b12 products_catalog.amount, vitamin_c products_catalog.amount,
  vitamin_d products_catalog.amount, vitamin_e products_catalog.amount,
  vitamin_k products_catalog.amount, zinc products_catalog.amount, retinol products_catalog.amount,
  thiamine products_catalog.amount, riboflavin products_catalog.amount,
  pyridoxine products_catalog.amount, niacin products_catalog.amount
);

-- A barcode belongs to one living product of a source.
create unique index products_source_barcode_key
  on products_catalog.products (source_id, barcode) where barcode is not null and not discarded;
create unique index products_source_import_key
  on products_catalog.products (source_id, import_key) where import_key is not null;

-- One index for each order of the default list; the id makes pages stable.
create index products_listed_created on products_catalog.products (created_at, id)
  where not discarded and is_listed;
create index products_listed_updated on products_catalog.products (updated_at, id)
  where not discarded and is_listed;
create index products_listed_name on products_catalog.products (name, id)
  where not discarded and is_listed;
create index products_listed_not_food on products_catalog.products (created_at, id)
  where not discarded and is_listed and not is_food;
-- One for each filter, in the default order.
create index products_source_created on products_catalog.products (source_id, created_at, id)
  where not discarded;
create index products_source_updated on products_catalog.products (source_id, updated_at, id)
  where not discarded;
create index products_source_name on products_catalog.products (source_id, name, id)
  where not discarded;
create index products_barcode on products_catalog.products (barcode)
  where barcode is not null and not discarded;
create index products_brand on products_catalog.products (brand_id, created_at, id)
  where brand_id is not null and not discarded;
create index products_category on products_catalog.products (category_id, created_at, id)
  where category_id is not null and not discarded;
create index products_parent_category
  on products_catalog.products (parent_category_id, created_at, id)
  where parent_category_id is not null and not discarded;
create index products_food_group on products_catalog.products (food_group_id, created_at, id)
  where food_group_id is not null and not discarded;
create index products_process_type on products_catalog.products (process_type_id, created_at, id)
  where process_type_id is not null and not discarded;
-- The similar-name search looks at foods without a barcode only. Every search reads the index's
-- list of unsorted entries, so that is kept shorter than the usual 4 MB.
create index products_similar_names on products_catalog.products
  using gin (prepared_name gin_trgm_ops) with (gin_pending_list_limit = 1024)
  where is_food and not discarded and barcode is null;
create index products_first_word on products_catalog.products (split_part(prepared_name, ' ', 1))
  where is_food and not discarded and barcode is null;

-- Names with at least `threshold` word similarity to a prepared query: looks at the first `examined` of
-- them, so a query that fits half of the catalogue costs no more than any other, and returns the
-- best `wanted`. A function, because the operator's threshold is a setting, and because the planner
-- takes a comparison of trigrams to be as cheap as one of numbers and would read the whole table.
create function products_catalog.names_like(
  query text, threshold real, examined integer, wanted integer
) returns table (id uuid, name text, prepared_name text)
language plpgsql
set enable_seqscan = off
set jit = off
set plan_cache_mode = force_generic_plan
set pg_trgm.word_similarity_threshold = 0.6
as $$
#variable_conflict use_column
begin
  -- Undone at the end of the function, as the setting of the same name above says.
  perform set_config('pg_trgm.word_similarity_threshold', threshold::text, true);
  return query
    -- Materialised, so that the limit does not talk the planner into another plan; it is still
    -- read row by row.
    with matches as materialized (
      select p.id, p.name, p.prepared_name
        from products_catalog.products p
       where p.is_food and not p.discarded and p.barcode is null and query <% p.prepared_name
    ), looked_at as (
      select * from matches limit examined
    )
    select l.id, l.name, l.prepared_name
      from looked_at l
     -- Word similarity is dear: worked out again only when some must be left out.
     order by case when (select count(*) from looked_at) > wanted
                then word_similarity(query, l.prepared_name) end desc,
              length(l.prepared_name), l.id
     limit wanted;
end
$$;

-- One vote of a house about a product.
create table products_catalog.houses_is_food_registry (
  product_id uuid not null references products_catalog.products (id),
  house_id text not null check (char_length(house_id) between 1 and 64),
  is_food boolean not null,
  primary key (product_id, house_id)
);

-- The number changes with everything that a filter of the product list can see, in the same
-- transaction. Whoever counted matches at a number may use the count for as long as he reads the
-- same number: true totals without counting on each request.
create table products_catalog.catalogue_revision (
  only_row boolean primary key default true check (only_row),
  revision bigint not null
);
insert into products_catalog.catalogue_revision (revision) values (1);

create function products_catalog.bump_revision() returns trigger language plpgsql as $$
begin
  update products_catalog.catalogue_revision set revision = revision + 1;
  return null;
end
$$;

create trigger products_revision
  after insert or delete or truncate or update of
    discarded, source_id, name, barcode, is_food, is_food_houses_choice, brand_id, category_id,
    parent_category_id, food_group_id, process_type_id, created_at
  on products_catalog.products
  for each statement execute function products_catalog.bump_revision();
create trigger sources_revision after delete or update of name, discarded
  on products_catalog.sources
  for each statement execute function products_catalog.bump_revision();
create trigger brands_revision after delete or update of name, discarded
  on products_catalog.brands
  for each statement execute function products_catalog.bump_revision();
create trigger classifications_revision after delete or update of name, discarded
  on products_catalog.classifications
  for each statement execute function products_catalog.bump_revision();

-- Down Migration

drop schema products_catalog cascade;
