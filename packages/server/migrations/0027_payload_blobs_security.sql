-- Grants and row-level security of payload blobs. What runs store is no configuration: the audit log has none of it.
grant select, insert, update, delete on payload_blobs to pegasus_tenant, pegasus_system;
--> statement-breakpoint
alter table payload_blobs enable row level security;
--> statement-breakpoint
alter table payload_blobs force row level security;
--> statement-breakpoint
create policy system_all on payload_blobs to pegasus_system using (true) with check (true);
--> statement-breakpoint
create policy tenant_own on payload_blobs to pegasus_tenant
  using (tenant_id = (select pegasus_current_tenant())) with check (tenant_id = (select pegasus_current_tenant()));
