-- Grants and row-level security for the tables of 0013. Ticks are the platform's own acts: no audit trigger.
grant select, insert, update, delete on trigger_ticks to pegasus_tenant, pegasus_system;
--> statement-breakpoint
alter table trigger_ticks enable row level security;
--> statement-breakpoint
alter table trigger_ticks force row level security;
--> statement-breakpoint
create policy system_all on trigger_ticks to pegasus_system using (true) with check (true);
--> statement-breakpoint
create policy tenant_own on trigger_ticks to pegasus_tenant
  using (tenant_id = (select pegasus_current_tenant())) with check (tenant_id = (select pegasus_current_tenant()));
--> statement-breakpoint
-- The row is made by the first server that needs it, not here: a copy of a database that was only migrated is another
-- platform.
alter table platform add constraint platform_one_row check ("only");
--> statement-breakpoint
grant select, insert on platform to pegasus_system;
--> statement-breakpoint
alter table platform enable row level security;
--> statement-breakpoint
alter table platform force row level security;
--> statement-breakpoint
create policy system_all on platform to pegasus_system using (true) with check (true);
