-- Up Migration

-- What a name finds is kept for as long as the catalogue's revision stands. So a number must never
-- come back with another state behind it, not even in a database that was restored from a copy: it
-- is an instant now, in microseconds, and still only grows. The names as they are compared are
-- counted too: they may be made anew without the names. So is the instant of a change, which is an
-- order of lists: whoever changes a product writes all of these columns anyway.
create or replace function products_catalog.bump_revision() returns trigger language plpgsql as $$
begin
  update products_catalog.catalogue_revision
     set revision = greatest(revision + 1, extract(epoch from clock_timestamp()) * 1000000);
  return null;
end
$$;

drop trigger products_revision on products_catalog.products;
create trigger products_revision
  after insert or delete or truncate or update of
    discarded, source_id, name, prepared_name, barcode, is_food, is_food_houses_choice, brand_id,
    category_id, parent_category_id, food_group_id, process_type_id, created_at, updated_at
  on products_catalog.products
  for each statement execute function products_catalog.bump_revision();

-- Down Migration

drop trigger products_revision on products_catalog.products;
create trigger products_revision
  after insert or delete or truncate or update of
    discarded, source_id, name, barcode, is_food, is_food_houses_choice, brand_id, category_id,
    parent_category_id, food_group_id, process_type_id, created_at
  on products_catalog.products
  for each statement execute function products_catalog.bump_revision();
create or replace function products_catalog.bump_revision() returns trigger language plpgsql as $$
begin
  update products_catalog.catalogue_revision set revision = revision + 1;
  return null;
end
$$;
