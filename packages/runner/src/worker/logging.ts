import { type LogLevel } from '@pegasus-workflows/contracts';
import { DefaultLogger, Runtime, type InjectedSinks, type LogEntry } from '@temporalio/worker';
import { type WorkflowInfo } from '@temporalio/workflow';
import { type LogOrigin } from '../logs/line.js';
import { type LogCapture } from './logs/capture.js';

const LEVELS = {
  TRACE: 'debug',
  DEBUG: 'debug',
  INFO: 'info',
  WARN: 'warn',
  ERROR: 'error',
} as const satisfies Record<LogEntry['level'], LogLevel>;

/** What the SDK adds to every entry and is of no use to an author. */
const NOISE: ReadonlySet<string> = new Set([
  'activityRunId',
  'isLocal',
  'namespace',
  'sdkComponent',
  'taskQueue',
  'taskToken',
  'workflowType',
]);

/** The name by which the SDK lets the sink of workflow code's own logger be replaced. */
const LOGGER_SINK = 'defaultWorkerLogger';

/**
 * Installs the process's one Temporal runtime: logs of activities and of the SDK are captured, and signals are left to us
 * (the SDK's own handlers would stop Workers behind the supervisor's back). What its native part has to say it prints
 * itself: forwarded, it would hold everybody's entries back to sort them.
 */
export function installRuntime(capture: LogCapture): void {
  const sdkLogger = new DefaultLogger('TRACE', (entry) => {
    const meta: Record<string, unknown> = entry.meta ?? {};
    const level = LEVELS[entry.level];
    if (!isForAuthors(meta, level)) return;
    // The SDK lets an author's attributes hide its own: where the code runs is surer.
    const origin = capture.activity ?? originOf(meta);
    const at = Number(entry.timestampNanos / 1_000_000n);
    capture.log(origin, level, entry.message, givenOf(meta, origin), at);
  });
  Runtime.install({
    logger: sdkLogger,
    shutdownSignals: [],
    telemetryOptions: { logging: { filter: { core: 'WARN', other: 'WARN' }, console: {} } },
  });
}

/** Where workflow code's `log` goes, with the run as the SDK knows it; not called again on a replay. */
export function workflowLogSinks(capture: LogCapture, taskQueue: string): InjectedSinks<never> {
  const sinkOf = (level: LogLevel) => ({
    fn({ workflowId, runId }: WorkflowInfo, message: string, meta: Record<string, unknown> = {}): void {
      if (!isForAuthors(meta, level)) return;
      const origin: LogOrigin = { source: 'workflow', taskQueue, workflowId, runId };
      capture.log(origin, level, message, givenOf(meta, origin));
    },
  });
  const sinks = {
    [LOGGER_SINK]: {
      trace: sinkOf('debug'),
      debug: sinkOf('debug'),
      info: sinkOf('info'),
      warn: sinkOf('warn'),
      error: sinkOf('error'),
    },
  };
  return sinks as unknown as InjectedSinks<never>;
}

/** Of its own the SDK says much; what an author is to know is a warning, such as a failed attempt of an activity. */
function isForAuthors({ sdkComponent }: Record<string, unknown>, level: LogLevel): boolean {
  return sdkComponent === 'workflow' || sdkComponent === 'activity' || level === 'warn' || level === 'error';
}

/** What the author gave: neither noise nor what the origin says already. */
function givenOf(meta: Record<string, unknown>, origin: LogOrigin): Record<string, unknown> {
  const known: Record<string, unknown> = { ...origin, workflowRunId: origin.runId };
  return Object.fromEntries(
    Object.entries(meta).filter(([name, value]) => !NOISE.has(name) && known[name] !== value),
  );
}

function originOf(meta: Record<string, unknown>): LogOrigin {
  const text = (name: string): string | undefined => {
    const value = meta[name];
    return typeof value === 'string' && value !== '' ? value : undefined;
  };
  const [workflowId, activityId] = [text('workflowId'), text('activityId')];
  const origin: LogOrigin = {
    source: activityId !== undefined ? 'activity' : workflowId !== undefined ? 'workflow' : 'process',
  };
  const [taskQueue, runId] = [text('taskQueue'), text('workflowRunId') ?? text('runId')];
  const [activityType, attempt] = [text('activityType'), Number(meta['attempt'])];
  if (taskQueue !== undefined) origin.taskQueue = taskQueue;
  if (workflowId !== undefined) origin.workflowId = workflowId;
  if (runId !== undefined) origin.runId = runId;
  if (activityId !== undefined) origin.activityId = activityId;
  if (activityType !== undefined) origin.activityType = activityType;
  if (activityId !== undefined && Number.isInteger(attempt)) origin.attempt = attempt;
  return origin;
}
