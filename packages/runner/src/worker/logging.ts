import { type LogLevel } from '@pegasus-workflows/contracts';
import { DefaultLogger, Runtime, type LogEntry } from '@temporalio/worker';
import { type LogOrigin } from '../logs/line.js';
import { type LogCapture } from './logs/capture.js';

const LEVELS = {
  TRACE: 'debug',
  DEBUG: 'debug',
  INFO: 'info',
  WARN: 'warn',
  ERROR: 'error',
} as const satisfies Record<LogEntry['level'], LogLevel>;

/** What the SDK adds to every entry: it is in the entry's origin, or of no use to an author. */
const SDK_ATTRIBUTES: ReadonlySet<string> = new Set([
  'activityId',
  'activityRunId',
  'activityType',
  'attempt',
  'isLocal',
  'namespace',
  'runId',
  'sdkComponent',
  'taskQueue',
  'taskToken',
  'workflowId',
  'workflowRunId',
  'workflowType',
]);

/**
 * Installs the process's one Temporal runtime: logs of workflows, activities and the SDK are captured, and signals are left
 * to us (the SDK's own handlers would stop Workers behind the supervisor's back).
 */
export function installRuntime(capture: LogCapture): void {
  const sdkLogger = new DefaultLogger('TRACE', (entry) => {
    const meta: Record<string, unknown> = entry.meta ?? {};
    const component = meta['sdkComponent'];
    const level = LEVELS[entry.level];
    // Of its own the SDK says much; what an author is to know is a warning, such as a failed attempt of an activity.
    const isOwn = component !== 'workflow' && component !== 'activity';
    if (isOwn && level !== 'warn' && level !== 'error') return;
    const given = Object.fromEntries(Object.entries(meta).filter(([name]) => !SDK_ATTRIBUTES.has(name)));
    capture.log(originOf(meta), level, entry.message, given, Number(entry.timestampNanos / 1_000_000n));
  });
  Runtime.install({
    logger: sdkLogger,
    shutdownSignals: [],
    telemetryOptions: { logging: { filter: { core: 'WARN', other: 'WARN' }, forward: {} } },
  });
}

function originOf(meta: Record<string, unknown>): LogOrigin {
  const text = (name: string): string | undefined => {
    const value = meta[name];
    return typeof value === 'string' && value !== '' ? value : undefined;
  };
  const attempt = meta['attempt'];
  const [workflowId, activityId] = [text('workflowId'), text('activityId')];
  return withoutAbsent({
    source: activityId !== undefined ? 'activity' : workflowId !== undefined ? 'workflow' : 'process',
    taskQueue: text('taskQueue'),
    workflowId,
    runId: text('workflowRunId') ?? text('runId'),
    activityType: text('activityType'),
    activityId,
    attempt: activityId !== undefined && Number.isInteger(attempt) ? Number(attempt) : undefined,
  });
}

type Optional<T> = { [K in keyof T]: T[K] | undefined };

function withoutAbsent(origin: Optional<LogOrigin> & Pick<LogOrigin, 'source'>): LogOrigin {
  return Object.fromEntries(
    Object.entries(origin).filter(([, value]) => value !== undefined),
  ) as unknown as LogOrigin;
}
