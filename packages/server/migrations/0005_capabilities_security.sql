-- Grants, row-level security and the audit trigger for the tables of 0004.
do $$
declare
  target text;
begin
  foreach target in array array[
    'audit_log', 'execution_notes', 'dry_run_mutations', 'stored_values', 'event_types', 'domain_events', 'triggers',
    'event_deliveries', 'outbox', 'integration_projections', 'integration_ingress', 'external_connections',
    'sms_providers', 'sms_messages', 'sms_opt_outs', 'webhooks', 'webhook_deliveries'] loop
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
grant usage on all sequences in schema public to pegasus_tenant, pegasus_system;
--> statement-breakpoint
-- Append-only, for everybody.
revoke update, delete on audit_log from pegasus_tenant, pegasus_system;
--> statement-breakpoint
-- Who did what to which row, and which columns changed; never a value. The actor is what the transaction says in
-- pegasus.actor (see infra/actor.ts); a transaction that says nothing is the platform's own.
create function pegasus_audit() returns trigger language plpgsql as $$
declare
  actor jsonb := coalesce(nullif(current_setting('pegasus.actor', true), ''), '{"kind":"SYSTEM"}')::jsonb;
  before jsonb := case when tg_op = 'INSERT' then '{}'::jsonb else to_jsonb(old) end;
  after jsonb := case when tg_op = 'DELETE' then '{}'::jsonb else to_jsonb(new) end;
  present jsonb := case when tg_op = 'DELETE' then before else after end;
  changed jsonb;
begin
  if tg_op = 'UPDATE' then
    select jsonb_agg(field.key order by field.key) into changed
      from jsonb_each(after) as field
      where field.value is distinct from before -> field.key and field.key not in ('updated_at', 'last_used_at', 'last_received_at');
    if changed is null then return null; end if;
  end if;
  insert into audit_log (tenant_id, outcome, actor_kind, principal_id, key_id, execution_id, action, operation,
      object_kind, object_id, object_name, fields, method, route, ip, correlation_id)
    values (
      case when tg_table_name = 'tenants' then (present ->> 'id')::uuid else (present ->> 'tenant_id')::uuid end,
      'DONE', actor ->> 'kind', (actor ->> 'principalId')::uuid, (actor ->> 'keyId')::uuid, (actor ->> 'executionId')::uuid,
      actor ->> 'action', tg_op, tg_table_name, present ->> 'id',
      -- What people call the row, where it has such a column.
      case when tg_nargs > 0 then present ->> tg_argv[0] end,
      changed, actor ->> 'method', actor ->> 'route', actor ->> 'ip', actor ->> 'correlationId');
  return null;
end $$;
--> statement-breakpoint
create trigger audit after insert or update or delete on tenants for each row execute function pegasus_audit('slug');
--> statement-breakpoint
create trigger audit after insert or update or delete on principals for each row execute function pegasus_audit('name');
--> statement-breakpoint
create trigger audit after insert or update or delete on api_keys for each row execute function pegasus_audit('prefix');
--> statement-breakpoint
create trigger audit after insert or update or delete on workflows for each row execute function pegasus_audit('name');
--> statement-breakpoint
create trigger audit after insert or update or delete on stored_values for each row execute function pegasus_audit('key');
--> statement-breakpoint
create trigger audit after insert or update or delete on event_types for each row execute function pegasus_audit('name');
--> statement-breakpoint
create trigger audit after insert or update or delete on triggers for each row execute function pegasus_audit('kind');
--> statement-breakpoint
create trigger audit after insert or update or delete on integration_projections for each row execute function pegasus_audit('entity_key');
--> statement-breakpoint
create trigger audit after insert or update or delete on integration_ingress for each row execute function pegasus_audit('integration_id');
--> statement-breakpoint
create trigger audit after insert or update or delete on external_connections for each row execute function pegasus_audit('name');
--> statement-breakpoint
create trigger audit after insert or update or delete on sms_providers for each row execute function pegasus_audit('kind');
--> statement-breakpoint
create trigger audit after insert or delete on sms_opt_outs for each row execute function pegasus_audit('number');
--> statement-breakpoint
create trigger audit after insert or update or delete on webhooks for each row execute function pegasus_audit();
