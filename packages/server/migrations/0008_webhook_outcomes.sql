-- An outcome is told: a delivery for each webhook that wants it, and its outbox item, in the transaction that ends the
-- row, whoever ends it. A tenant without webhooks pays one look at an empty index. A dry run has no effects, this one
-- included. The outbox's worker is webhooks/deliverer.ts.
create function pegasus_tell_webhooks() returns trigger language plpgsql as $$
begin
  with told as (
    insert into webhook_deliveries (tenant_id, webhook_id, execution_id)
      select new.tenant_id, w.id, new.id from webhooks w
        where w.tenant_id = new.tenant_id and w.enabled and w.statuses ? new.status
          and (w.workflow_name is null or w.workflow_name = (select name from workflows where id = new.workflow_id))
      returning id)
  insert into outbox (tenant_id, topic, ref_id) select new.tenant_id, 'WEBHOOK', told.id from told;
  return null;
end $$;
--> statement-breakpoint
create trigger tell_webhooks after update of status on executions for each row
  when (new.status in ('COMPLETED', 'FAILED', 'TIMED_OUT', 'CANCELLED')
    and old.status not in ('COMPLETED', 'FAILED', 'TIMED_OUT', 'CANCELLED') and not new.dry_run)
  execute function pegasus_tell_webhooks();
