import { setTimeout as delay } from 'node:timers/promises';
import { artifactTaskQueue, PegasusError, temporalWorkflowId } from '@pegasus-workflows/contracts';
import { FairLimit, type Logger } from '@pegasus-workflows/kit';
import { oneLine } from '../infra/failure-text.js';
import { TEMPORAL_DEADLINES, TemporalError, type TemporalPort } from '../infra/temporal.js';
import { type Wakeups } from '../infra/wakeups.js';
import { type ExecutionMetrics } from './metrics.js';
import { type ExecutionRow } from './row.js';
import { type RunnableWorkflow } from './workflow-cache.js';

export interface RunToStart {
  executionId: string;
  workflow: RunnableWorkflow;
  input: Record<string, unknown> | null;
  triggerSource: ExecutionRow['triggerSource'];
  priority: number | null;
  dryRun: boolean;
}

/**
 * `started`: the run is there. `refused`: Temporal said no, nothing runs. `unknown`: nobody can say; whoever gives the
 * execution up leaves a run that should appear nevertheless to the reconciler (docs/adr/0003).
 */
export type StartResult =
  | { kind: 'started'; runId: string }
  | { kind: 'refused'; message: string }
  | { kind: 'unknown'; message: string };

/**
 * Starts under way at once. More make Temporal answer none of them within the deadline, which begins when a start is
 * sent; the others wait their turn here.
 */
const STARTS_AT_ONCE = 48;
/** A start keeps its place until its run has ended, at most this long: what it costs comes after it, in every process. */
const LINGER_MS = 100;
/**
 * While other tenants are about, one that had to wait for its place keeps it this long in any case: whoever has a line is
 * paced, and whoever starts one run after the other is not.
 */
const PACE_MS = 200;
/** Starts a second that a place carries at that pace, with a little to spare. */
export const STARTS_PER_PLACE = 4;

/** Whose run is started next: one server's, shared by all that start runs. */
export function startTurns(ofTenant: number): FairLimit {
  return new FairLimit({ width: STARTS_AT_ONCE, perKey: ofTenant });
}

export interface StarterParts {
  temporal: TemporalPort;
  logger: Logger;
  metrics: ExecutionMetrics;
  turns: FairLimit;
  wakeups: Wakeups<ExecutionRow>;
  /** The platform's limit for a run without a shorter one of its own. */
  maxRunSeconds: number;
}

/** Starts an execution's run in Temporal; repeating it is harmless. Never rejects. */
export async function startRun(
  { temporal, logger, metrics, turns, wakeups, maxRunSeconds }: StarterParts,
  run: RunToStart,
): Promise<StartResult> {
  const result = await turns.run(
    run.workflow.tenantId,
    () => tryStart(temporal, run, maxRunSeconds),
    ({ kind }, { waited }) => {
      if (kind !== 'started') return undefined;
      return waited && turns.isShared
        ? delay(PACE_MS, undefined, { ref: false })
        : wakeups.next(run.executionId, LINGER_MS);
    },
  );
  metrics.starts.inc({ result: result.kind });
  if (result.kind !== 'started') {
    logger.warn(
      { executionId: run.executionId, result: result.kind, reason: result.message },
      'a run was not started',
    );
  }
  return result;
}

async function tryStart(
  temporal: TemporalPort,
  { executionId, workflow, input, triggerSource, priority, dryRun }: RunToStart,
  maxRunSeconds: number,
): Promise<StartResult> {
  const workflowId = temporalWorkflowId(workflow.tenantId, workflow.name, executionId);
  // An event's row holds the workflow's whole argument; every other input is wrapped.
  const argument = triggerSource === 'EVENT' ? input : { executionId, input };
  try {
    const { runId } = await temporal.start({
      workflowId,
      requestId: executionId,
      workflowType: workflow.workflowType ?? '',
      taskQueue: artifactTaskQueue(workflow.tenantId, workflow.artifactSha256, dryRun),
      executionTimeoutSeconds: Math.min(workflow.timeoutSeconds ?? maxRunSeconds, maxRunSeconds),
      priority: priority ?? undefined,
      argument,
    });
    return { kind: 'started', runId };
  } catch (error) {
    const reason = oneLine(error instanceof Error ? error.message : String(error), 500);
    if (error instanceof TemporalError && error.certainty === 'refused') {
      // A value that cannot be kept never came to Temporal.
      const says = error.cause instanceof PegasusError ? '' : 'Temporal refused the start: ';
      return { kind: 'refused', message: `${says}${reason}` };
    }
    const found = await temporal
      .describe(workflowId, { deadlineMs: TEMPORAL_DEADLINES.startCheck })
      .catch(() => undefined);
    if (found) return { kind: 'started', runId: found.runId };
    return {
      kind: 'unknown',
      message: `Temporal did not confirm the start (${reason}). A run that should appear nevertheless is ended.`,
    };
  }
}
