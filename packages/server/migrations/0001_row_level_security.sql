-- pegasus_tenant: sees and writes the rows of the tenant that the transaction names in pegasus.tenant_id, no others.
-- pegasus_system: every row; key look-up, reconciler, sweeper. The owner itself has no policy, hence no rows (FORCE).
grant usage on schema public to pegasus_tenant, pegasus_system;
--> statement-breakpoint
grant select, insert, update, delete on all tables in schema public to pegasus_tenant, pegasus_system;
--> statement-breakpoint
revoke insert, update, delete on tenants from pegasus_tenant;
--> statement-breakpoint
create function pegasus_current_tenant() returns uuid language sql stable parallel safe
  as $$ select nullif(current_setting('pegasus.tenant_id', true), '')::uuid $$;
--> statement-breakpoint
do $$
declare
  target text;
begin
  foreach target in array array['tenants', 'principals', 'api_keys', 'workflows', 'workflow_uploads', 'executions'] loop
    execute format('alter table %I enable row level security', target);
    execute format('alter table %I force row level security', target);
    execute format('create policy system_all on %I to pegasus_system using (true) with check (true)', target);
  end loop;
  foreach target in array array['principals', 'api_keys', 'workflows', 'workflow_uploads', 'executions'] loop
    execute format(
      'create policy tenant_own on %I to pegasus_tenant using (tenant_id = (select pegasus_current_tenant())) with check (tenant_id = (select pegasus_current_tenant()))',
      target);
  end loop;
end $$;
--> statement-breakpoint
create policy tenant_self on tenants for select to pegasus_tenant using (id = (select pegasus_current_tenant()));
--> statement-breakpoint
create policy global_readable on workflows for select to pegasus_tenant using (visibility = 'GLOBAL');
