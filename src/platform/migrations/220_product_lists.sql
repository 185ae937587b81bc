-- Up Migration

-- What narrows a list stands in the index of each of its orders: whatever filters come together,
-- a page and a count read an index and no row.
DROP INDEX products_catalog.products_listed_created;
CREATE INDEX products_listed_created ON products_catalog.products (created_at, id)
  INCLUDE (source_id, brand_id, category_id, parent_category_id, food_group_id, process_type_id,
           is_food)
  WHERE NOT discarded AND is_listed;
DROP INDEX products_catalog.products_listed_updated;
CREATE INDEX products_listed_updated ON products_catalog.products (updated_at, id)
  INCLUDE (source_id, brand_id, category_id, parent_category_id, food_group_id, process_type_id,
           is_food)
  WHERE NOT discarded AND is_listed;
DROP INDEX products_catalog.products_listed_name;
CREATE INDEX products_listed_name ON products_catalog.products (name, id)
  INCLUDE (source_id, brand_id, category_id, parent_category_id, food_group_id, process_type_id,
           is_food)
  WHERE NOT discarded AND is_listed;

-- One that begins with each filter. They have no condition on `is_listed`, which the list of the
-- source `auto` has not either; that it stands in them is what lets the others read them alone.
DROP INDEX products_catalog.products_source_created;
CREATE INDEX products_source_created ON products_catalog.products (source_id, created_at, id)
  INCLUDE (is_listed) WHERE NOT discarded;
DROP INDEX products_catalog.products_source_updated;
CREATE INDEX products_source_updated ON products_catalog.products (source_id, updated_at, id)
  INCLUDE (is_listed) WHERE NOT discarded;
DROP INDEX products_catalog.products_source_name;
CREATE INDEX products_source_name ON products_catalog.products (source_id, name, id)
  INCLUDE (is_listed) WHERE NOT discarded;
DROP INDEX products_catalog.products_brand;
CREATE INDEX products_brand ON products_catalog.products (brand_id, created_at, id)
  INCLUDE (is_listed) WHERE brand_id IS NOT NULL AND NOT discarded;
DROP INDEX products_catalog.products_category;
CREATE INDEX products_category ON products_catalog.products (category_id, created_at, id)
  INCLUDE (is_listed) WHERE category_id IS NOT NULL AND NOT discarded;
DROP INDEX products_catalog.products_parent_category;
CREATE INDEX products_parent_category
  ON products_catalog.products (parent_category_id, created_at, id)
  INCLUDE (is_listed) WHERE parent_category_id IS NOT NULL AND NOT discarded;
DROP INDEX products_catalog.products_food_group;
CREATE INDEX products_food_group ON products_catalog.products (food_group_id, created_at, id)
  INCLUDE (is_listed) WHERE food_group_id IS NOT NULL AND NOT discarded;
DROP INDEX products_catalog.products_process_type;
CREATE INDEX products_process_type ON products_catalog.products (process_type_id, created_at, id)
  INCLUDE (is_listed) WHERE process_type_id IS NOT NULL AND NOT discarded;

-- A product is shown with its votes, and its text is kept for as long as its row stands: so with
-- the votes the row is written anew.
CREATE FUNCTION products_catalog.renew_product() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE products_catalog.products SET version = version
   WHERE id = coalesce(NEW.product_id, OLD.product_id);
  RETURN NULL;
END
$$;
CREATE TRIGGER houses_product AFTER INSERT OR UPDATE OR DELETE
  ON products_catalog.houses_is_food_registry
  FOR EACH ROW EXECUTE FUNCTION products_catalog.renew_product();

-- Down Migration

DROP TRIGGER houses_product ON products_catalog.houses_is_food_registry;
DROP FUNCTION products_catalog.renew_product();
DROP INDEX products_catalog.products_listed_created;
CREATE INDEX products_listed_created ON products_catalog.products (created_at, id)
  WHERE NOT discarded AND is_listed;
DROP INDEX products_catalog.products_listed_updated;
CREATE INDEX products_listed_updated ON products_catalog.products (updated_at, id)
  WHERE NOT discarded AND is_listed;
DROP INDEX products_catalog.products_listed_name;
CREATE INDEX products_listed_name ON products_catalog.products (name, id)
  WHERE NOT discarded AND is_listed;
DROP INDEX products_catalog.products_source_created;
CREATE INDEX products_source_created ON products_catalog.products (source_id, created_at, id)
  WHERE NOT discarded;
DROP INDEX products_catalog.products_source_updated;
CREATE INDEX products_source_updated ON products_catalog.products (source_id, updated_at, id)
  WHERE NOT discarded;
DROP INDEX products_catalog.products_source_name;
CREATE INDEX products_source_name ON products_catalog.products (source_id, name, id)
  WHERE NOT discarded;
DROP INDEX products_catalog.products_brand;
CREATE INDEX products_brand ON products_catalog.products (brand_id, created_at, id)
  WHERE brand_id IS NOT NULL AND NOT discarded;
DROP INDEX products_catalog.products_category;
CREATE INDEX products_category ON products_catalog.products (category_id, created_at, id)
  WHERE category_id IS NOT NULL AND NOT discarded;
DROP INDEX products_catalog.products_parent_category;
CREATE INDEX products_parent_category
  ON products_catalog.products (parent_category_id, created_at, id)
  WHERE parent_category_id IS NOT NULL AND NOT discarded;
DROP INDEX products_catalog.products_food_group;
CREATE INDEX products_food_group ON products_catalog.products (food_group_id, created_at, id)
  WHERE food_group_id IS NOT NULL AND NOT discarded;
DROP INDEX products_catalog.products_process_type;
CREATE INDEX products_process_type ON products_catalog.products (process_type_id, created_at, id)
  WHERE process_type_id IS NOT NULL AND NOT discarded;
