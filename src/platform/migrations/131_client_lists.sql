-- Up Migration

create index clients_of_author_name
  on recipes_catalog.clients (tenant_id, author_id, name, id) where not discarded;
create index clients_of_tenant_updated
  on recipes_catalog.clients (tenant_id, updated_at, id) where not discarded;
create index clients_of_tenant_name
  on recipes_catalog.clients (tenant_id, name, id) where not discarded;

-- Down Migration

drop index recipes_catalog.clients_of_author_name;
drop index recipes_catalog.clients_of_tenant_updated;
drop index recipes_catalog.clients_of_tenant_name;
