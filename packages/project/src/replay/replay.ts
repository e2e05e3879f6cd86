import { PegasusError } from '@pegasus-workflows/contracts/errors';
import type { InjectedSinks, ReplayWorkerOptions, Worker } from '@temporalio/worker';
import type { ProducedCommand } from './commands.js';
import { authorFrame, explainDivergence, type Divergence, type Recording } from './divergence.js';
import type { ReplayedCode } from './local-code.js';
import type { RecordedHistory } from './read-history.js';
import type { RecorderSinks } from './recorder.js';

/** What replaying one history found. */
export type ReplayVerdict =
  | { verdict: 'ok' }
  /** The code asks for something else than the history has: a run at that place would be stuck. */
  | { verdict: 'diverged'; divergence: Divergence }
  /** The code could not be replayed at all: it threw, or has no such workflow type. */
  | { verdict: 'failed'; reason: string; at?: string };

export interface ReplayOptions {
  code: ReplayedCode;
  histories: readonly RecordedHistory[];
  /** Called as each verdict is known, in the order of the histories. */
  onVerdict?: (index: number, verdict: ReplayVerdict) => void;
  /** Replays no further history once it is aborted. */
  signal?: AbortSignal;
}

/**
 * Replays histories against code, one after the other, with Temporal's own worker. No Temporal is needed, no activity
 * runs, and nothing of the code reaches the outside.
 *
 * @returns one verdict per history, in their order
 * @throws ProjectError when the code cannot be bundled
 */
export async function replayHistories(options: ReplayOptions): Promise<ReplayVerdict[]> {
  const { code, histories, onVerdict, signal } = options;
  const verdicts: ReplayVerdict[] = [];
  if (histories.length === 0) return verdicts;
  const bundle = await code.bundle();
  for (const [index, recorded] of histories.entries()) {
    signal?.throwIfAborted();
    const verdict = await replayOne(bundle, recorded, code);
    verdicts.push(verdict);
    onVerdict?.(index, verdict);
  }
  return verdicts;
}

async function replayOne(
  bundle: string,
  recorded: RecordedHistory,
  code: ReplayedCode,
): Promise<ReplayVerdict> {
  const failure = await runReplay(bundle, recorded);
  if (!failure) return { verdict: 'ok' };
  if (failure.kind === 'nondeterminism') {
    const recording = await record(code, recorded);
    const events = recorded.history.events ?? [];
    return { verdict: 'diverged', divergence: explainDivergence(events, failure.reason, recording) };
  }
  if (NO_SUCH_TYPE.test(failure.reason))
    return {
      verdict: 'failed',
      reason: `The history is of workflow type "${recorded.workflowType}", which this code does not export.`,
    };
  const at = authorFrame(failure.reason);
  return {
    verdict: 'failed',
    reason: failure.reason.split('\n')[0] ?? failure.reason,
    ...(at === undefined ? {} : { at }),
  };
}

const NO_SUCH_TYPE = /no such function is exported by the workflow bundle/;

interface ReplayFailure {
  kind: 'nondeterminism' | 'other';
  reason: string;
}

/** One replay by Temporal's worker. Undefined: the code does what the history has. */
async function runReplay(
  bundle: string,
  recorded: RecordedHistory,
  sinks?: InjectedSinks<RecorderSinks>,
): Promise<ReplayFailure | undefined> {
  const { DeterminismViolationError } = await import('@temporalio/workflow');
  const ReplayWorker = await quietWorker();
  const options: ReplayWorkerOptions = { workflowBundle: { code: bundle }, ...(sinks ? { sinks } : {}) };
  const { history, workflowId } = recorded;
  for await (const { error } of ReplayWorker.runReplayHistories(options, [{ history, workflowId }])) {
    if (!error) return undefined;
    const kind = error instanceof DeterminismViolationError ? 'nondeterminism' : 'other';
    return { kind, reason: plainReason(error.message) };
  }
  throw new PegasusError('INTERNAL_ERROR', 'The replay of a history ended without a verdict.');
}

/** The part of an SDK message that is about this history. */
function plainReason(message: string): string {
  const details = message.slice(message.indexOf('Details: ') + 'Details: '.length);
  return message.includes('Details: ') ? details.trim() : message;
}

/** Replays once more with the recorder, to learn what the code asks for and where. Undefined when that cannot be had. */
async function record(code: ReplayedCode, recorded: RecordedHistory): Promise<Recording | undefined> {
  const produced: ProducedCommand[] = [];
  const stacks = new Map<string, string>();
  const sinks: InjectedSinks<RecorderSinks> = {
    pegasusRecorder: {
      called: {
        fn: (_info, kind, seq, stack) => void stacks.set(`${kind} ${seq}`, stack),
        callDuringReplay: true,
      },
      produced: { fn: (_info, commands) => void produced.push(...commands), callDuringReplay: true },
    },
  };
  const bundle = await code.recordingBundle();
  const failure = await runReplay(bundle, recorded, sinks);
  return failure ? { produced, stacks } : undefined;
}

/** Temporal's own account of a divergence goes to its log; here it is told in the verdict instead. */
async function quietWorker(): Promise<typeof Worker> {
  const temporal = await import('@temporalio/worker');
  try {
    temporal.Runtime.install({
      logger: new temporal.DefaultLogger('ERROR', () => undefined),
      telemetryOptions: { logging: { forward: {}, filter: 'off' } },
      shutdownSignals: [],
    });
  } catch {
    // One runtime per process: whoever came first has set it up to their liking.
  }
  return temporal.Worker;
}
