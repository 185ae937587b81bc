-- Up Migration

-- The roles that a tenant can assign.
create index roles_of_tenant on iam.roles (tenant_id);

-- Classifications in the order of their last change, and those of one author.
create index sources_updated_at on products_catalog.sources (updated_at, id) where not discarded;
create index sources_of_author
  on products_catalog.sources (author_id, created_at, id) where not discarded;
create index brands_updated_at on products_catalog.brands (updated_at, id) where not discarded;
create index brands_of_author
  on products_catalog.brands (author_id, created_at, id) where not discarded;
create index classifications_updated_at
  on products_catalog.classifications (type, updated_at, id) where not discarded;
create index classifications_of_author
  on products_catalog.classifications (type, author_id, created_at, id) where not discarded;

-- Down Migration

drop index products_catalog.classifications_of_author;
drop index products_catalog.classifications_updated_at;
drop index products_catalog.brands_of_author;
drop index products_catalog.brands_updated_at;
drop index products_catalog.sources_of_author;
drop index products_catalog.sources_updated_at;
drop index iam.roles_of_tenant;
