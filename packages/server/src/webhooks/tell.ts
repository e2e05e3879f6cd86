import { type AgentMessageType } from '@pegasus-workflows/contracts';
import { sql } from 'drizzle-orm';
import { type Tx } from '../infra/database.js';

/** What is told of a dispatch. */
export interface AgentTelling {
  tenantId: string;
  type: AgentMessageType;
  dispatchId: string;
  /** The message as it is sent at every attempt. */
  body: string;
}

/**
 * Writes a delivery for each webhook that asks for such messages, and its outbox item, in the caller's transaction. A
 * webhook that is deleted meanwhile is passed over. Executions' outcomes are written by the trigger of migration 0008.
 */
export async function tellWebhooks(
  tx: Tx,
  { tenantId, type, dispatchId, body }: AgentTelling,
): Promise<void> {
  await tx.execute(sql`
    with wanted as (
      select w.id from webhooks w
        where w.tenant_id = ${tenantId} and w.enabled and w.events @> ${JSON.stringify([type])}::jsonb
        for key share of w),
    told as (
      insert into webhook_deliveries (tenant_id, webhook_id, dispatch_id, body)
        select ${tenantId}::uuid, wanted.id, ${dispatchId}::uuid, ${body}::text from wanted
        returning id)
    insert into outbox (tenant_id, topic, ref_id) select ${tenantId}::uuid, 'WEBHOOK', told.id from told`);
}
