import { parseCron, plainCron } from '@pegasus-workflows/contracts';
import { type ExecutionEngine } from '../executions/engine.js';
import { type Capability } from '../infra/capability.js';
import { type Services } from '../infra/context.js';
import { registerRetire } from '../workflows/retire.js';
import { Firing } from './firing.js';
import { registerTriggers } from './routes.js';
import { Schedules, type SchedulesParts } from './schedules.js';
import { TriggerService } from './service.js';
import { Ticks } from './ticks.js';

export interface Triggers extends Capability {
  readonly schedules: Schedules;
  readonly firing: Firing;
}

/** What starts a workflow by itself, and the end of that: retiring a version. */
export function createTriggers(
  services: Services,
  engine: ExecutionEngine,
  over: Partial<Pick<SchedulesParts, 'specOf'>> = {},
): Triggers {
  const { db, temporal, settings, clock } = services;
  const logger = services.logger.child({ area: 'triggers' });
  const { workflowsEnabled } = settings;
  const schedules = new Schedules({
    db,
    port: temporal.schedules,
    logger,
    catchUpSeconds: settings.scheduleCatchUpSeconds,
    intervalMs: settings.scheduleReconcileIntervalMs,
    specOf: over.specOf ?? ((cron) => ({ cron: plainCron(parseCron(cron)) })),
  });
  const firing = new Firing({ db, temporal, engine, workflowsEnabled, clock });
  const service = new TriggerService({ db, engine, schedules, firing, workflowsEnabled, clock });
  const queue = () => schedules.tickQueue();
  const ticks = new Ticks({ port: temporal.schedules, firing, queue, logger });
  return {
    schedules,
    firing,
    mount: (app) => {
      registerTriggers(app, service);
      registerRetire(app, {
        db,
        clock,
        onRetired: (tenantId, workflowId, triggerIds) => {
          engine.workflowCache.forget(workflowId);
          for (const triggerId of triggerIds) schedules.changed(tenantId, triggerId);
        },
      });
    },
    start: () => {
      const jobs = [schedules.start(), ticks.start()];
      return { stop: async () => void (await Promise.all(jobs.map((job) => job.stop()))) };
    },
  };
}
