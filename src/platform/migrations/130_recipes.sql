-- Up Migration

create schema if not exists shared_kernel;
create schema if not exists recipes_catalog;

create domain recipes_catalog.amount as float8 check (value >= 0 and value < 'Infinity');

-- Labels of one author. A row stays as long as any parent has it, and is shared by all of them.
create table shared_kernel.tags (
  id integer generated always as identity primary key,
  tenant_id uuid not null,
  author_id uuid not null,
  type text not null check (type in ('recipe', 'meal', 'menu', 'client')),
  key text not null check (char_length(key) between 1 and 100),
  value text not null check (char_length(value) between 1 and 200),
  constraint tags_label unique (author_id, type, key, value)
);

create table recipes_catalog.clients (
  id uuid primary key,
  tenant_id uuid not null,
  author_id uuid not null,
  version integer not null default 1 check (version >= 1),
  discarded boolean not null default false,
  created_at timestamptz(3) not null default now(),
  updated_at timestamptz(3) not null default now(),
  name text collate "und-x-icu" not null check (char_length(name) between 1 and 255),
  birthday date check (birthday >= '1900-01-01'),
  sex text not null check (sex in ('masculino', 'feminino')),
  -- {main_phone, main_email, all_phones, all_emails}; null: none was given.
  contact_info jsonb check (jsonb_typeof(contact_info) = 'object'),
  -- {street, number, zip_code, district, city, state, complement, note}
  address jsonb check (jsonb_typeof(address) = 'object'),
  notes text check (char_length(notes) <= 10000),
  onboarding_data jsonb check (jsonb_typeof(onboarding_data) = 'object')
);
create index clients_of_author on recipes_catalog.clients (tenant_id, author_id, created_at, id)
  where not discarded;
create index clients_of_author_updated
  on recipes_catalog.clients (tenant_id, author_id, updated_at, id) where not discarded;
create index clients_of_tenant on recipes_catalog.clients (tenant_id, created_at, id)
  where not discarded;
create index clients_name on recipes_catalog.clients using gin (lower(name) gin_trgm_ops)
  where not discarded;

create table recipes_catalog.menus (
  id uuid primary key,
  tenant_id uuid not null,
  author_id uuid not null,
  client_id uuid not null references recipes_catalog.clients (id),
  version integer not null default 1 check (version >= 1),
  discarded boolean not null default false,
  created_at timestamptz(3) not null default now(),
  updated_at timestamptz(3) not null default now(),
  description text check (char_length(description) <= 10000)
);
create index menus_of_client on recipes_catalog.menus (client_id, created_at, id)
  where not discarded;

create table recipes_catalog.meals (
  id uuid primary key,
  tenant_id uuid not null,
  author_id uuid not null,
  menu_id uuid references recipes_catalog.menus (id),
  version integer not null default 1 check (version >= 1),
  discarded boolean not null default false,
  created_at timestamptz(3) not null default now(),
  updated_at timestamptz(3) not null default now(),
  name text collate "und-x-icu" not null check (char_length(name) between 1 and 255),
  prepared_name text not null,
  description text check (char_length(description) <= 1000),
  notes text check (char_length(notes) <= 1000),
  "like" boolean,
  image_url text check (char_length(image_url) <= 2083),
  -- Sums of the living recipes, written in the transaction that changes one of them. The facts are
  -- {nutrient: {value, unit}}; what is filtered and sorted by stands beside them in default units.
  nutri_facts jsonb check (jsonb_typeof(nutri_facts) = 'object'),
  weight_in_grams integer not null default 0 check (weight_in_grams >= 0),
  total_time integer check (total_time >= 0),
  calorie_density recipes_catalog.amount,
  carbo_percentage recipes_catalog.amount,
  protein_percentage recipes_catalog.amount,
  total_fat_percentage recipes_catalog.amount,
  calories recipes_catalog.amount,
  protein recipes_catalog.amount,
  carbohydrate recipes_catalog.amount,
  total_fat recipes_catalog.amount,
  saturated_fat recipes_catalog.amount,
  trans_fat recipes_catalog.amount,
  dietary_fiber recipes_catalog.amount,
  sugar recipes_catalog.amount,
  sodium recipes_catalog.amount
);
create index meals_of_author on recipes_catalog.meals (tenant_id, author_id, created_at, id)
  where not discarded;
create index meals_of_author_updated
  on recipes_catalog.meals (tenant_id, author_id, updated_at, id) where not discarded;
create index meals_of_author_name on recipes_catalog.meals (tenant_id, author_id, name, id)
  where not discarded;
create index meals_of_tenant on recipes_catalog.meals (tenant_id, created_at, id)
  where not discarded;
create index meals_of_menu on recipes_catalog.meals (menu_id) where menu_id is not null;

-- A place in the grid of a menu. Name and nutrition of the meal are read from the meal itself, so
-- they are never old. A meal stands in one place: a second place gets a copy.
create table recipes_catalog.menu_meals (
  menu_id uuid not null references recipes_catalog.menus (id),
  meal_id uuid not null references recipes_catalog.meals (id) constraint menu_meals_meal unique,
  week smallint not null check (week between 1 and 10),
  weekday text not null check (weekday in
    ('Segunda', 'Terça', 'Quarta', 'Quinta', 'Sexta', 'Sábado', 'Domingo')),
  meal_type text not null check (char_length(meal_type) between 1 and 50),
  hour time,
  constraint menu_meals_place primary key (menu_id, week, weekday, meal_type)
);

create table recipes_catalog.recipes (
  id uuid primary key,
  tenant_id uuid not null,
  author_id uuid not null,
  meal_id uuid not null references recipes_catalog.meals (id),
  version integer not null default 1 check (version >= 1),
  discarded boolean not null default false,
  created_at timestamptz(3) not null default now(),
  updated_at timestamptz(3) not null default now(),
  name text collate "und-x-icu" not null check (char_length(name) between 1 and 500),
  prepared_name text not null,
  instructions text not null check (char_length(instructions) between 1 and 15000),
  description text check (char_length(description) <= 1000),
  utensils text check (char_length(utensils) <= 500),
  total_time integer check (total_time >= 0),
  notes text check (char_length(notes) <= 1000),
  privacy text not null default 'private' check (privacy in ('private', 'public')),
  image_url text check (char_length(image_url) <= 2083),
  weight_in_grams integer check (weight_in_grams >= 0),
  average_taste_rating float8 check (average_taste_rating between 0 and 5),
  average_convenience_rating float8 check (average_convenience_rating between 0 and 5),
  nutri_facts jsonb check (jsonb_typeof(nutri_facts) = 'object'),
  calorie_density recipes_catalog.amount,
  carbo_percentage recipes_catalog.amount,
  protein_percentage recipes_catalog.amount,
  total_fat_percentage recipes_catalog.amount,
  calories recipes_catalog.amount,
  protein recipes_catalog.amount,
  carbohydrate recipes_catalog.amount,
  total_fat recipes_catalog.amount,
  saturated_fat recipes_catalog.amount,
  trans_fat recipes_catalog.amount,
  dietary_fiber recipes_catalog.amount,
  sugar recipes_catalog.amount,
  sodium recipes_catalog.amount
);
create index recipes_of_author on recipes_catalog.recipes (tenant_id, author_id, created_at, id)
  where not discarded;
create index recipes_of_author_updated
  on recipes_catalog.recipes (tenant_id, author_id, updated_at, id) where not discarded;
create index recipes_of_author_name on recipes_catalog.recipes (tenant_id, author_id, name, id)
  where not discarded;
create index recipes_public on recipes_catalog.recipes (tenant_id, created_at, id)
  where not discarded and privacy = 'public';
create index recipes_of_tenant on recipes_catalog.recipes (tenant_id, created_at, id)
  where not discarded;
create index recipes_of_meal on recipes_catalog.recipes (meal_id) where not discarded;

-- Two lines may share a name: the place is the key.
create table recipes_catalog.ingredients (
  recipe_id uuid not null references recipes_catalog.recipes (id),
  position smallint not null check (position between 0 and 100),
  name text not null check (char_length(name) between 1 and 255),
  quantity float8 not null check (quantity > 0 and quantity <= 10000),
  unit text not null,
  full_text text check (char_length(full_text) <= 1000),
  product_id uuid,
  primary key (recipe_id, position)
);
create index ingredients_of_product on recipes_catalog.ingredients (product_id, recipe_id)
  where product_id is not null;

create table recipes_catalog.ratings (
  recipe_id uuid not null references recipes_catalog.recipes (id),
  user_id uuid not null,
  taste smallint not null check (taste between 0 and 5),
  convenience smallint not null check (convenience between 0 and 5),
  comment text check (char_length(comment) <= 1000),
  created_at timestamptz(3) not null default now(),
  primary key (recipe_id, user_id)
);

create table recipes_catalog.clients_tags (
  client_id uuid not null references recipes_catalog.clients (id),
  tag_id integer not null references shared_kernel.tags (id),
  primary key (client_id, tag_id)
);
create table recipes_catalog.menus_tags (
  menu_id uuid not null references recipes_catalog.menus (id),
  tag_id integer not null references shared_kernel.tags (id),
  primary key (menu_id, tag_id)
);
create table recipes_catalog.meals_tags (
  meal_id uuid not null references recipes_catalog.meals (id),
  tag_id integer not null references shared_kernel.tags (id),
  primary key (meal_id, tag_id)
);
create table recipes_catalog.recipes_tags (
  recipe_id uuid not null references recipes_catalog.recipes (id),
  tag_id integer not null references shared_kernel.tags (id),
  primary key (recipe_id, tag_id)
);
create index clients_of_tag on recipes_catalog.clients_tags (tag_id);
create index menus_of_tag on recipes_catalog.menus_tags (tag_id);
create index meals_of_tag on recipes_catalog.meals_tags (tag_id);
create index recipes_of_tag on recipes_catalog.recipes_tags (tag_id);

-- Lists that somebody keeps for a client. What is on them was computed when they were saved.
create table recipes_catalog.shopping_lists (
  id uuid primary key,
  tenant_id uuid not null,
  author_id uuid not null,
  client_id uuid not null references recipes_catalog.clients (id),
  version integer not null default 1 check (version >= 1),
  created_at timestamptz(3) not null default now(),
  updated_at timestamptz(3) not null default now(),
  -- What was asked for: menus, weeks, exclusions, pantry, order.
  request jsonb not null check (jsonb_typeof(request) = 'object')
);
create index shopping_lists_of_client
  on recipes_catalog.shopping_lists (client_id, created_at, id);

create table recipes_catalog.shopping_items (
  id uuid primary key,
  list_id uuid not null references recipes_catalog.shopping_lists (id) on delete cascade,
  position integer not null check (position >= 0),
  checked boolean not null default false,
  -- Product, name, unit, quantity, meals, department … as they were.
  item jsonb not null check (jsonb_typeof(item) = 'object'),
  constraint shopping_items_place unique (list_id, position)
);

-- Down Migration

drop schema recipes_catalog cascade;
drop schema shared_kernel cascade;
