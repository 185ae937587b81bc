-- Up Migration

-- The search for names with the same first word reads all of them to find the best hundred. With
-- the names in the index it reads a few of its pages in place of a page of the table for each. The
-- word is cut, because an entry has room for one long name and not for two.
CREATE INDEX products_first_words ON products_catalog.products
  (left(split_part(prepared_name, ' ', 1), 64)) INCLUDE (prepared_name, id)
  WHERE is_food AND NOT discarded AND barcode IS NULL;
DROP INDEX products_catalog.products_first_word;

-- Down Migration

CREATE INDEX products_first_word ON products_catalog.products (split_part(prepared_name, ' ', 1))
  WHERE is_food AND NOT discarded AND barcode IS NULL;
DROP INDEX products_catalog.products_first_words;
