import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { type ExecutionStatus } from '@pegasus-workflows/contracts';
import { temporalConnectionOptions, type TemporalSettings } from '@pegasus-workflows/kit';
import { Client, Connection, WorkflowFailedError, type WorkflowHandle } from '@temporalio/client';
import {
  DefaultLogger,
  makeTelemetryFilterString,
  NativeConnection,
  Runtime,
  Worker,
  type LogEntry,
} from '@temporalio/worker';
import { LiveTimeline } from '../timeline/live.js';
import { toSteps, type Step } from '../timeline/steps.js';
import { type RunnableArtifact } from './artifact.js';
import { toHistoryEvents } from './history.js';

export interface RunOnceOptions {
  settings: TemporalSettings;
  name: string;
  artifact: RunnableArtifact;
  /** The workflow's single argument. */
  argument: unknown;
  /** Terminates the run. */
  signal: AbortSignal;
  onStep(step: Step): void;
  /** What the workflow and its activities log. */
  onLog(line: string): void;
}

export interface TestOutcome {
  status: ExecutionStatus;
  result: unknown;
  error: string | null;
  durationMs: number;
  timeline: Step[];
}

const LOOK_MS = 200;

/** Runs a workflow once on a worker in this process and a task queue of its own. */
export async function runOnce(options: RunOnceOptions): Promise<TestOutcome> {
  const { settings, name, artifact, signal } = options;
  installRuntime(options.onLog);
  const connect = temporalConnectionOptions(settings);
  const native = await NativeConnection.connect(connect);
  const connection = await Connection.connect(connect);
  try {
    const taskQueue = `test/${name}/${randomUUID()}`;
    const worker = await Worker.create({
      connection: native,
      namespace: settings.namespace,
      taskQueue,
      workflowBundle: { code: artifact.workflowBundle },
      activities: artifact.activities,
      shutdownGraceTime: '1 second',
    });
    const client = new Client({ connection, namespace: settings.namespace });
    return await worker.runUntil(async () => {
      const handle = await client.workflow.start(artifact.workflowType, {
        taskQueue,
        workflowId: taskQueue,
        args: [options.argument],
      });
      try {
        return await follow(handle, options);
      } catch (error) {
        if (signal.aborted) await handle.terminate('interrupted').catch(() => undefined);
        throw error;
      }
    });
  } finally {
    await connection.close();
    await native.close();
  }
}

async function follow(handle: WorkflowHandle, options: RunOnceOptions): Promise<TestOutcome> {
  const { signal, artifact } = options;
  const started = performance.now();
  const timeline = new LiveTimeline();
  const look = async () => ({
    events: toHistoryEvents(await handle.fetchHistory(), artifact.toAuthorPaths),
  });
  const ended = endOf(handle);
  while ((await Promise.race([ended, delay(LOOK_MS, undefined, { signal })])) === undefined)
    for (const step of timeline.news(await look())) options.onStep(step);
  const durationMs = Math.round(performance.now() - started);
  const history = await look();
  for (const step of timeline.news(history)) options.onStep(step);
  const steps = toSteps(history);
  const end = await ended;
  // The history's own telling of the failure has the author's file and line.
  const told = steps.findLast((step) => step.kind === 'workflow')?.failure;
  return { ...end, error: end.error === null ? null : (told ?? end.error), durationMs, timeline: steps };
}

async function endOf(handle: WorkflowHandle): Promise<Pick<TestOutcome, 'status' | 'result' | 'error'>> {
  try {
    return { status: 'COMPLETED', result: (await handle.result()) ?? null, error: null };
  } catch (error) {
    if (!(error instanceof WorkflowFailedError)) throw error;
    const cause = error.cause instanceof Error ? error.cause : error;
    const status = { CancelledFailure: 'CANCELLED', TimeoutFailure: 'TIMED_OUT' }[cause.name] ?? 'FAILED';
    return { status: status as ExecutionStatus, result: null, error: cause.message };
  }
}

/** Logs of the author's code are shown; the worker's and the core's own are not. */
function installRuntime(onLog: (line: string) => void): void {
  const show = ({ level, message, meta }: LogEntry): void => {
    const component: unknown = meta?.['sdkComponent'];
    if (component === 'workflow' || component === 'activity') onLog(`${level.toLowerCase()} ${message}`);
  };
  Runtime.install({
    logger: new DefaultLogger('INFO', show),
    telemetryOptions: {
      logging: { forward: {}, filter: makeTelemetryFilterString({ core: 'ERROR', other: 'ERROR' }) },
    },
    shutdownSignals: [],
  });
}
