import { randomUUID } from 'node:crypto';
import { type RunnableWorkflow } from '../../packages/server/src/executions/workflow-cache.js';
import { eventsCapability } from '../../packages/server/src/events/capability.js';
import { recordEvent } from '../../packages/server/src/events/record.js';
import { schema } from '../../packages/server/src/index.js';
import { type TestServer } from '../server/support.js';

type TriggerValues = Partial<typeof schema.triggers.$inferInsert>;

/** A server whose dispatcher is turned by hand, with rows that no request has to make. */
export function eventStage(server: TestServer) {
  const { services, engine } = server;
  const capability = eventsCapability(services, engine);
  const tenantId = server.tenants.a.id;
  const { dispatcher } = capability;
  return {
    dispatcher,
    tenantId,
    /** A workflow version that nobody works on: its runs are started and stay. */
    async workflow(over: Partial<typeof schema.workflows.$inferInsert> = {}): Promise<RunnableWorkflow> {
      const id = randomUUID();
      const name = over.name ?? `w-${id.slice(0, 8)}`;
      const manifest = over.manifest ?? { name, version: '1.0.0', entryPoints: ['w'], diagram: 'x' };
      await services.db.system((tx) =>
        tx.insert(schema.workflows).values({
          ...{ id, tenantId, name, version: '1.0.0', visibility: 'TENANT', manifest, executable: true },
          ...{ workflowType: 'w', artifactSha256: 'f'.repeat(64), artifactSizeBytes: 1 },
          ...over,
        }),
      );
      const found = await engine.workflowCache.get(over.tenantId ?? tenantId, id);
      if (!found) throw new Error('the workflow was not written');
      return found;
    },
    async trigger(workflowId: string, eventType: string, over: TriggerValues = {}): Promise<string> {
      const values = { tenantId, workflowId, kind: 'EVENT' as const, eventType, ...over };
      const rows = await services.db.system((tx) => tx.insert(schema.triggers).values(values).returning());
      return rows[0]!.id;
    },
    async event(type: string, payload: Record<string, unknown> = {}, of = tenantId): Promise<string> {
      const occurredAt = services.clock();
      const { row } = await services.db.system((tx) =>
        recordEvent(tx, { tenantId: of, type, payload, source: 'SYSTEM', occurredAt }),
      );
      return row.id;
    },
    /** Dispatches until nothing is due. */
    async drain(): Promise<void> {
      while ((await dispatcher.round()) > 0);
    },
    executions: () => services.db.system((tx) => tx.select().from(schema.executions)),
    deliveries: () => services.db.system((tx) => tx.select().from(schema.eventDeliveries)),
    outbox: () => services.db.system((tx) => tx.select().from(schema.outbox).orderBy(schema.outbox.seq)),
  };
}
export type EventStage = ReturnType<typeof eventStage>;
