import { artifactTaskQueue, type Trigger } from '@pegasus-workflows/contracts';
import { type TemporalSettings } from '@pegasus-workflows/kit';
import { Client, type Connection } from '@temporalio/client';
import { eq } from 'drizzle-orm';
import { Registry } from 'prom-client';
import { inject } from 'vitest';
import { createApp, createTriggers, schema } from '../../packages/server/src/index.js';
import { type WantedSchedule } from '../../packages/server/src/infra/schedule-port.js';
import { startWorker } from '../executions/support.js';
import { testServer, type TestDialect } from '../server/support.js';
import { workflowRow } from '../support/workflow-row.js';

type Spec = WantedSchedule['spec'];

interface ScheduleServerOptions {
  /** When schedules fire, instead of when cron can. */
  specOf?: (cron: string) => Spec;
  /** Another Temporal than the run's. */
  temporal?: TemporalSettings;
  /** Default 60. */
  catchUpSeconds?: number;
}

/** A server whose schedules run, with a tenant's workflow of one artifact that exists nowhere. */
export async function scheduleServer(
  dialect: TestDialect,
  { specOf, temporal = inject('temporal'), catchUpSeconds = 60 }: ScheduleServerOptions = {},
) {
  const server = await testServer(dialect, temporal);
  const { services, engine, tenants } = server;
  const settings = {
    ...services.settings,
    scheduleReconcileIntervalMs: 500,
    scheduleCatchUpSeconds: catchUpSeconds,
  };
  const withSettings = { ...services, settings, metrics: new Registry() };
  const make = () => createTriggers(withSettings, engine, specOf ? { specOf } : {});
  const triggers = make();
  const app = createApp(withSettings, engine, [triggers]);
  let ticking = triggers.start?.();
  const background = [engine.startBackground()];
  const { id: tenantId, key } = tenants.a;

  const call = async <T = any>(method: string, path: string, body?: unknown, as = key) => {
    const response = await app.request(`/api/v1/workflows/${path}`, {
      method,
      headers: { authorization: `Bearer ${as}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return {
      status: response.status,
      body: (text ? JSON.parse(text) : {}) as { data: T; error?: string; code?: string },
    };
  };
  return {
    ...server,
    triggers,
    tenantId,
    /** Another server on the same database, its schedules not started. */
    another: make,
    /** It takes no tick any more, as a server that is gone. */
    async stopTicking() {
      await ticking?.stop();
      ticking = undefined;
    },
    startTicking: () => void (ticking ??= triggers.start?.()),
    call,
    /** A version `scripted@<version>` that {@link startWorker} can run. */
    async publish(
      version = `1.0.${Math.floor(Math.random() * 1e9)}`,
      over: Partial<typeof schema.workflows.$inferInsert> = {},
    ) {
      const row = workflowRow({ tenantId, version, workflowType: 'scripted', ...over });
      await services.db.system((tx) => tx.insert(schema.workflows).values(row));
      return { id: row.id, taskQueue: artifactTaskQueue(tenantId, row.artifactSha256) };
    },
    worker: (taskQueue: string) => startWorker(temporal, taskQueue),
    async schedule(workflowId: string, cronExpression = '0 0 1 1 *'): Promise<Trigger> {
      const { body } = await call<Trigger>('POST', `${workflowId}/triggers`, {
        kind: 'SCHEDULE',
        cronExpression,
      });
      return body.data;
    },
    /** The executions of a trigger, oldest first. */
    async runsOf(triggerId: string): Promise<(typeof schema.executions.$inferSelect)[]> {
      await engine.settled();
      return services.db.system((tx) =>
        tx
          .select()
          .from(schema.executions)
          .where(eq(schema.executions.triggeredByTriggerId, triggerId))
          .orderBy(schema.executions.queuedAt),
      );
    },
    /** What Temporal has of this platform's schedules. */
    async schedules() {
      const owner = (await triggers.schedules.tickQueue()).split('/')[2]!;
      const found = [];
      for await (const one of services.temporal.schedules.list(owner)) found.push(one);
      return found;
    },
    async close() {
      await ticking?.stop();
      for (const job of background) await job.stop();
      for (const { scheduleId } of await this.schedules())
        await services.temporal.schedules.delete(scheduleId);
      await server.close();
    },
  };
}
export type ScheduleServer = Awaited<ReturnType<typeof scheduleServer>>;

export interface TickResult {
  /** ISO 8601. */
  scheduledAt: string;
  outcome: string;
  executionId: string | null;
}

/** What became of every tick of a trigger that was decided, by Temporal's account, oldest first. */
export async function ticksOf(
  connection: Connection,
  tenantId: string,
  triggerId: string,
): Promise<TickResult[]> {
  const client = new Client({ connection });
  const results: TickResult[] = [];
  for await (const { workflowId, status } of client.workflow.list({
    query: `WorkflowId STARTS_WITH 'tick/${tenantId}/${triggerId}'`,
  })) {
    if (status.name === 'COMPLETED')
      results.push((await client.workflow.getHandle(workflowId).result()) as TickResult);
  }
  return results.sort((a, b) => a.scheduledAt.localeCompare(b.scheduledAt));
}

export const started = (found: readonly TickResult[]) => found.filter(({ outcome }) => outcome === 'STARTED');
