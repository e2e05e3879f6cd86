-- Grants and row-level security of dispatches. Who asked for one, and for what of it, is in the audit log by code.
do $$
declare
  target text;
begin
  foreach target in array array['agent_dispatches', 'agent_dispatch_events', 'agent_orders', 'agent_workspaces'] loop
    execute format('grant select, insert, update, delete on %I to pegasus_tenant, pegasus_system', target);
    execute format('alter table %I enable row level security', target);
    execute format('alter table %I force row level security', target);
    execute format('create policy system_all on %I to pegasus_system using (true) with check (true)', target);
    execute format(
      'create policy tenant_own on %I to pegasus_tenant using (tenant_id = (select pegasus_current_tenant())) with check (tenant_id = (select pegasus_current_tenant()))',
      target);
  end loop;
end $$;
--> statement-breakpoint
grant usage on sequence agent_orders_seq_seq to pegasus_tenant, pegasus_system;
