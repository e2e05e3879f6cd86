-- Grants, row-level security and the audit trigger.
grant select, insert, update, delete on payload_keys to pegasus_tenant, pegasus_system;
--> statement-breakpoint
alter table payload_keys enable row level security;
--> statement-breakpoint
alter table payload_keys force row level security;
--> statement-breakpoint
create policy system_all on payload_keys to pegasus_system using (true) with check (true);
--> statement-breakpoint
create policy tenant_own on payload_keys to pegasus_tenant
  using (tenant_id = (select pegasus_current_tenant())) with check (tenant_id = (select pegasus_current_tenant()));
--> statement-breakpoint
create trigger audit after insert or update or delete on payload_keys for each row execute function pegasus_audit();
