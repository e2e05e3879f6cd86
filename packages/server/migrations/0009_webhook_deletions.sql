-- A webhook that is deleted while an outcome is written is passed over, instead of failing the outcome at its foreign key.
create or replace function pegasus_tell_webhooks() returns trigger language plpgsql as $$
begin
  with wanted as (
    select w.id from webhooks w
      where w.tenant_id = new.tenant_id and w.enabled and w.statuses ? new.status
        and (w.workflow_name is null or w.workflow_name = (select name from workflows where id = new.workflow_id))
      for key share of w),
  told as (
    insert into webhook_deliveries (tenant_id, webhook_id, execution_id)
      select new.tenant_id, wanted.id, new.id from wanted
      returning id)
  insert into outbox (tenant_id, topic, ref_id) select new.tenant_id, 'WEBHOOK', told.id from told;
  return null;
end $$;
