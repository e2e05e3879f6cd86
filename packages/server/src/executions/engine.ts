import { type ExecutionRow } from './row.js';
import { type Services } from '../infra/context.js';
import { periodic, type Stoppable } from '../infra/periodic.js';
import { Wakeups } from '../infra/wakeups.js';
import { Mutations } from '../dry-run/mutations.js';
import { DemandSet } from '../internal/demand.js';
import { Admission } from './admission.js';
import { startCloseFeed } from './close-feed.js';
import { CloseNotices } from './close-notices.js';
import { Controls } from './controls.js';
import { HeldRuns } from './held.js';
import { Histories } from './histories.js';
import { ExecutionLookup } from './lookup.js';
import { executionMetrics } from './metrics.js';
import { Notes } from './notes.js';
import { OpenCounts } from './open-counts.js';
import { OpenExecutions } from './open-executions.js';
import { OutcomeWriter } from './outcome.js';
import { Queries } from './queries.js';
import { QueuedRuns } from './queued.js';
import { Reconciler } from './reconciler.js';
import { ExecutionService } from './service.js';
import { Signals } from './signals.js';
import { startTurns } from './starter.js';
import { ExecutionStore } from './store.js';
import { Updates } from './updates.js';
import { Watchers } from './watchers.js';
import { RequirementCheck } from '../secrets/requirement-check.js';
import { WorkflowCache } from './workflow-cache.js';

/** Everything about executions of one server process. */
export interface ExecutionEngine {
  readonly service: ExecutionService;
  readonly signals: Signals;
  readonly queries: Queries;
  readonly updates: Updates;
  readonly controls: Controls;
  readonly histories: Histories;
  /** What dry runs would have changed. */
  readonly mutations: Mutations;
  /** What the platform tells of runs beside their histories. */
  readonly notes: Notes;
  /** Whose runtime tokens work. */
  readonly openExecutions: OpenExecutions;
  /** Runs that no caller waits for. */
  readonly queued: QueuedRuns;
  /** Quotas of tenants: whoever starts a run takes a place here. */
  readonly admission: Admission;
  /** Whether what a workflow needs is set: whoever starts a run asks before. */
  readonly requirements: RequirementCheck;
  readonly workflowCache: WorkflowCache;
  readonly demand: DemandSet;
  /** Told of runs that a runner saw closing. */
  readonly closeNotices: CloseNotices;
  /** Finds what a call is about. */
  readonly lookup: ExecutionLookup;
  /** Calls `listener` after this process has written what became of executions. */
  onWritten(listener: () => void): void;
  /** Starts the close feed and the reconciler; the first pass begins at once. */
  startBackground(): Stoppable;
  /** One reconciler pass, now. */
  reconcile(signal?: AbortSignal): Promise<void>;
  /** Resolves when every row says what this process knows. */
  settled(): Promise<void>;
  /** Answers everybody who waits, ends the watchers, writes what is known. Call after the background has stopped. */
  close(): Promise<void>;
}

type EngineServices = Pick<
  Services,
  'db' | 'vault' | 'artifacts' | 'logger' | 'settings' | 'clock' | 'temporal' | 'metrics'
>;

/** Puts the parts together; nothing runs yet. */
export function createExecutionEngine(services: EngineServices): ExecutionEngine {
  const { db, temporal, settings, clock } = services;
  const logger = services.logger.child({ area: 'executions' });
  const metrics = executionMetrics(services.metrics);
  const wakeups = new Wakeups<ExecutionRow>();
  const counts = new OpenCounts(clock);
  const outcome = new OutcomeWriter({ db, logger, metrics, counts, wakeups });
  const watchers = new Watchers({ temporal, outcome, logger, metrics });
  const shared = {
    turns: startTurns(settings.startsAtOnce),
    wakeups,
    db,
    temporal,
    logger,
    clock,
    metrics,
    outcome,
    watchers,
    counts,
    demand: new DemandSet(clock),
    workflowCache: new WorkflowCache(db),
    maxRunSeconds: settings.maxRunSeconds,
    starting: new Map<string, Promise<unknown>>(),
  };
  const queued = new QueuedRuns(shared);
  const reconciler = new Reconciler({ ...shared, queued });
  const store = new ExecutionStore(db);
  const limits = {
    open: settings.maxOpenExecutions,
    perDay: settings.maxExecutionsPerDay,
    startsPerSecond: settings.maxStartsPerSecond,
    valueBytes: settings.payloadBlobs.maxBytes,
  };
  const admission = new Admission({ db, store, counts, turns: shared.turns, clock, limits });
  const held = new HeldRuns({ ...shared, queued });
  outcome.onPlaceFree = () => held.kick();
  const requirements = new RequirementCheck(db);
  const openExecutions = new OpenExecutions({ db, clock });
  const closeNotices = new CloseNotices({ db, temporal, outcome, logger }, (id) => watchers.has(id));
  outcome.onEnded = (id) => openExecutions.forget(id);
  const lookup = new ExecutionLookup({ ...shared, store });
  const notes = new Notes(db);
  const { workflowsEnabled } = settings;
  const queries = new Queries({ lookup, temporal, demand: shared.demand });
  return {
    service: new ExecutionService({
      ...shared,
      store,
      lookup,
      admission,
      held,
      requirements,
      workflowsEnabled,
    }),
    signals: new Signals({ lookup, temporal, wakeups }),
    histories: new Histories({ lookup, temporal, notes }),
    mutations: new Mutations({ db, lookup }),
    notes,
    openExecutions,
    queries,
    lookup,
    closeNotices,
    onWritten: (listener) => (outcome.onWritten = listener),
    updates: new Updates({ ...shared, lookup, queries }),
    controls: new Controls({ ...shared, lookup }),
    queued,
    admission,
    requirements,
    workflowCache: shared.workflowCache,
    demand: shared.demand,
    startBackground: () => {
      const needed = (): boolean => counts.total > watchers.size;
      const feed = startCloseFeed({ db, temporal, outcome, logger, needed });
      const passes = periodic(
        'reconciler',
        settings.reconcileIntervalMs,
        (signal) => reconciler.pass(signal),
        logger,
      );
      const releases = held.start();
      return { stop: async () => void (await Promise.all([feed.stop(), passes.stop(), releases.stop()])) };
    },
    reconcile: (signal = new AbortController().signal) => reconciler.pass(signal),
    settled: () => outcome.settledAll(),
    close: async () => {
      wakeups.close();
      shared.demand.close();
      await Promise.all([watchers.stop(), closeNotices.stop()]);
      await outcome.settledAll();
    },
  };
}
