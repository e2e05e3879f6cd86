-- Grants and row-level security of batches. Whoever begins one is in the audit log by code, and so is each of its acts.
grant select, insert, update, delete on execution_batches, execution_batch_items to pegasus_tenant, pegasus_system;
--> statement-breakpoint
alter table execution_batches enable row level security;
--> statement-breakpoint
alter table execution_batches force row level security;
--> statement-breakpoint
create policy system_all on execution_batches to pegasus_system using (true) with check (true);
--> statement-breakpoint
create policy tenant_own on execution_batches to pegasus_tenant
  using (tenant_id = (select pegasus_current_tenant())) with check (tenant_id = (select pegasus_current_tenant()));
--> statement-breakpoint
alter table execution_batch_items enable row level security;
--> statement-breakpoint
alter table execution_batch_items force row level security;
--> statement-breakpoint
create policy system_all on execution_batch_items to pegasus_system using (true) with check (true);
--> statement-breakpoint
create policy tenant_own on execution_batch_items to pegasus_tenant
  using (tenant_id = (select pegasus_current_tenant())) with check (tenant_id = (select pegasus_current_tenant()));
