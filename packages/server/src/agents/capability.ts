import { type OpenAPIHono } from '@hono/zod-openapi';
import { type EventsCapability } from '../events/capability.js';
import { type Capability } from '../infra/capability.js';
import { type AppEnv, type Services } from '../infra/context.js';
import { type OutboxWorker } from '../infra/outbox.js';
import { periodic } from '../infra/periodic.js';
import { Wakeups } from '../infra/wakeups.js';
import { LiveStreams, STREAM_SETTINGS, type StreamSettings } from '../live/streams.js';
import { Hosts } from './hosts.js';
import { agentMetrics } from './metrics.js';
import { parentsWorker } from './parents.js';
import { DispatchReconciler } from './reconciler.js';
import { takeReport } from './reports.js';
import { mountControls } from './routes-controls.js';
import { mountHosts } from './routes-internal.js';
import { mountDispatches } from './routes.js';
import { type DispatchRow } from './row.js';
import { DispatchRuns } from './runs.js';
import { DispatchService } from './service.js';

export interface AgentsCapability extends Capability {
  readonly service: DispatchService;
  readonly runs: DispatchRuns;
  readonly parents: OutboxWorker;
  readonly reconciler: DispatchReconciler;
}

/** How often is looked for dispatches that are silent. */
const LOOK_MS = 5_000;
const FORGET_MS = 3_600_000;

/** Durable dispatches of coding agents: taken in, started, followed and told of. */
export function createAgents(
  services: Services,
  { dispatcher }: Pick<EventsCapability, 'dispatcher'>,
  streamSettings: StreamSettings = STREAM_SETTINGS,
): AgentsCapability {
  const { db, temporal, clock, settings } = services;
  const logger = services.logger.child({ area: 'agents' });
  const metrics = agentMetrics(services.metrics);
  const wakeups = new Wakeups();
  const hosts = new Hosts({ db, clock });
  const onChanged = (id: string): void => wakeups.wake(id);
  const onEnded = ({ id, status }: DispatchRow): void => {
    metrics.ended.inc({ status: status ?? 'failed' });
    onChanged(id);
    parents.kick();
    dispatcher.kick();
  };
  const shared = { db, temporal, logger, clock, onEnded };
  const parents = parentsWorker(shared);
  const runs = new DispatchRuns({ ...shared, metrics: services.metrics });
  const reconciler = new DispatchReconciler({ ...shared, silentMs: settings.agentSilentMs });
  const service = new DispatchService({ db, clock, hosts, onOrdered: () => runs.kick(), onEnded });
  const streams = new LiveStreams(streamSettings, logger);
  const reports = { db, clock, onChanged, onEnded, onTold: () => dispatcher.kick() };
  return {
    service,
    runs,
    parents,
    reconciler,
    mount: (app: OpenAPIHono<AppEnv>) => {
      mountDispatches(app, { service, hosts, streams, live: { db, wakeups } });
      mountControls(app, service);
      mountHosts(app, { hosts, report: (...report) => takeReport(reports, ...report) });
    },
    start: () => {
      const jobs = [
        runs.start(),
        parents.start(),
        periodic('silent dispatches', LOOK_MS, (signal) => reconciler.pass(signal), logger),
        periodic('workspaces that are gone', FORGET_MS, () => hosts.forget(), logger),
      ];
      return {
        stop: async () => {
          streams.stop();
          wakeups.close();
          await Promise.all(jobs.map((job) => job.stop()));
        },
      };
    },
  };
}
