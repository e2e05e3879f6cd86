-- Grants and row-level security of deliveries. What runs send is no configuration: the audit log has none of it.
grant select, insert, update, delete on integration_deliveries to pegasus_tenant, pegasus_system;
--> statement-breakpoint
alter table integration_deliveries enable row level security;
--> statement-breakpoint
alter table integration_deliveries force row level security;
--> statement-breakpoint
create policy system_all on integration_deliveries to pegasus_system using (true) with check (true);
--> statement-breakpoint
create policy tenant_own on integration_deliveries to pegasus_tenant
  using (tenant_id = (select pegasus_current_tenant())) with check (tenant_id = (select pegasus_current_tenant()));
