-- Grants, row-level security and the audit trigger.
grant select, insert, update, delete on integration_configs to pegasus_tenant, pegasus_system;
--> statement-breakpoint
alter table integration_configs enable row level security;
--> statement-breakpoint
alter table integration_configs force row level security;
--> statement-breakpoint
create policy system_all on integration_configs to pegasus_system using (true) with check (true);
--> statement-breakpoint
create policy tenant_own on integration_configs to pegasus_tenant
  using (tenant_id = (select pegasus_current_tenant())) with check (tenant_id = (select pegasus_current_tenant()));
--> statement-breakpoint
create policy global_readable on integration_configs for select to pegasus_tenant using (visibility = 'GLOBAL');
--> statement-breakpoint
create trigger audit after insert or update or delete on integration_configs for each row execute function pegasus_audit('integration_id');
