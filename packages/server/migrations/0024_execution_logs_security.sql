-- Grants and row-level security of the logs of runs. Entries are no configuration: the audit log has none of them.
grant select, insert, update, delete on log_streams, execution_logs, log_producers to pegasus_tenant, pegasus_system;
--> statement-breakpoint
alter table log_streams enable row level security;
--> statement-breakpoint
alter table log_streams force row level security;
--> statement-breakpoint
create policy system_all on log_streams to pegasus_system using (true) with check (true);
--> statement-breakpoint
create policy tenant_own on log_streams to pegasus_tenant
  using (tenant_id = (select pegasus_current_tenant())) with check (tenant_id = (select pegasus_current_tenant()));
--> statement-breakpoint
alter table execution_logs enable row level security;
--> statement-breakpoint
alter table execution_logs force row level security;
--> statement-breakpoint
create policy system_all on execution_logs to pegasus_system using (true) with check (true);
--> statement-breakpoint
create policy tenant_own on execution_logs to pegasus_tenant
  using (tenant_id = (select pegasus_current_tenant())) with check (tenant_id = (select pegasus_current_tenant()));
--> statement-breakpoint
alter table log_producers enable row level security;
--> statement-breakpoint
alter table log_producers force row level security;
--> statement-breakpoint
create policy system_all on log_producers to pegasus_system using (true) with check (true);
--> statement-breakpoint
create policy tenant_own on log_producers to pegasus_tenant
  using (tenant_id = (select pegasus_current_tenant())) with check (tenant_id = (select pegasus_current_tenant()));
