-- Grants and row-level security of the hosts that take dispatches from others.
grant select, insert, update, delete on agent_remotes to pegasus_tenant, pegasus_system;
--> statement-breakpoint
alter table agent_remotes enable row level security;
--> statement-breakpoint
alter table agent_remotes force row level security;
--> statement-breakpoint
create policy system_all on agent_remotes to pegasus_system using (true) with check (true);
--> statement-breakpoint
create policy tenant_own on agent_remotes to pegasus_tenant
  using (tenant_id = (select pegasus_current_tenant())) with check (tenant_id = (select pegasus_current_tenant()));
