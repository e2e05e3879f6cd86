/**
 * Job: what the workers of this machine say, each entry handed on for the execution that it belongs to.
 *
 * Boundary: what a worker says of a run is believed within its tenant alone. Delivery is `shipper.ts`'s.
 *
 * Invariants
 * 1. An entry goes to an execution of the worker's own tenant, at the root of the run's tree, or to a workflow version
 *    that was loaded in that very process; else nowhere.
 * 2. A worker gets {@link SUPERVISOR_LIMITS}, however much it prints; what is beyond is counted, and the count is told.
 * 3. Entries of one run stay in order.
 * 4. Nothing that a tenant's process prints is in the supervisor's log.
 */
import {
  parseTemporalWorkflowId,
  type DemandedArtifact,
  type RunnerLogEntry,
} from '@pegasus-workflows/contracts';
import { TokenBucket, type Logger } from '@pegasus-workflows/kit';
import { LogGate, SUPERVISOR_LIMITS } from '../../logs/gate.js';
import { droppedSentence, type LogLine } from '../../logs/line.js';
import { type TokenMint } from '../token-mint.js';
import { entryOf } from './entry.js';
import { storable } from './storable.js';
import { type LogShipper } from './shipper.js';
import { type WorkerOutput } from './worker-output.js';

type Executions = Pick<TokenMint, 'executionOf'>;
type Artifact = Pick<DemandedArtifact, 'taskQueue' | 'workflowId'>;

const TELL_DROPPED_MS = 1_000;
/** Look-ups of child runs that one worker may cause: what is beyond counts as said outside of any run. */
const LOOKUPS_PER_SECOND = 20;
const LOOKUPS_BURST = 200;
const LOOKUPS_AT_ONCE = 50;
/** How long a process's last words are waited for after its end. */
const LAST_WORDS_MS = 1_000;

export class LogIntake {
  readonly #open = new Set<Promise<void>>();

  constructor(
    private readonly executions: Executions,
    private readonly shipper: Pick<LogShipper, 'push' | 'close'>,
    private readonly logger: Logger,
  ) {}

  /** Takes the output of a process that now belongs to this tenant. */
  attach(tenantId: string, output: WorkerOutput): WorkerLogs {
    const push = (entry: RunnerLogEntry): void => this.shipper.push(tenantId, entry);
    const logs = new WorkerLogs(tenantId, this.executions, push, this.logger);
    output.bind((stream, line, isCut) => logs.take(stream, line, isCut));
    const ended = output.ended.then(() => logs.end());
    this.#open.add(ended);
    void ended.finally(() => this.#open.delete(ended));
    return logs;
  }

  /** Hands on what the processes, all of which have ended, have said. */
  async close(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const tooLate = new Promise<void>((resolve) => (timer = setTimeout(resolve, LAST_WORDS_MS)));
    await Promise.race([Promise.all(this.#open), tooLate]);
    clearTimeout(timer);
    await this.shipper.close();
  }
}

export class WorkerLogs {
  readonly #gate = new LogGate(SUPERVISOR_LIMITS);
  readonly #lookups = new TokenBucket(
    { perSecond: LOOKUPS_PER_SECOND, burst: LOOKUPS_BURST },
    performance.now(),
  );
  /** The workflow version of every artifact that was loaded here, by task queue. */
  readonly #artifacts = new Map<string, string>();
  readonly #loaded = new Set<string>();
  /** Runs whose execution is being asked for, with what they said meanwhile (invariant 3). */
  readonly #waiting = new Map<string, LogLine[]>();
  #timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly tenantId: string,
    private readonly executions: Executions,
    private readonly push: (entry: RunnerLogEntry) => void,
    private readonly logger: Logger,
  ) {}

  /** An artifact is about to be loaded into the process. */
  loading({ taskQueue, workflowId }: Artifact): void {
    if (workflowId === undefined) return;
    this.#artifacts.set(taskQueue, workflowId);
    this.#loaded.add(taskQueue);
  }

  unloaded(taskQueue: string): void {
    this.#loaded.delete(taskQueue);
  }

  take(stream: 'stdout' | 'stderr', line: string, isCut: boolean): void {
    const entry = entryOf(stream, line, isCut);
    if (!entry) return;
    if (this.#gate.admit(entry.pegasusLog, line.length)) this.#place(entry);
    else this.#timer ??= setTimeout(() => this.#tellDropped(), TELL_DROPPED_MS);
  }

  /** The process has ended, and so has its output. */
  end(): void {
    this.#tellDropped();
  }

  /** Past the gate: there are few of them. */
  #tellDropped(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    let dropped = 0;
    for (const { origin, count } of this.#gate.takeDropped()) {
      dropped += count;
      this.#place({ pegasusLog: origin, at: Date.now(), level: 'warn', message: droppedSentence(count) });
    }
    if (dropped > 0)
      this.logger.warn({ tenantId: this.tenantId, dropped }, 'a worker logs too much; entries were dropped');
  }

  #place(line: LogLine): void {
    const { workflowId = '', runId = '' } = line.pegasusLog;
    if (workflowId === '') return this.#handOn(line, undefined);
    const execution = parseTemporalWorkflowId(workflowId);
    if (execution) {
      const isOwn = execution.tenantId === this.tenantId;
      return this.#handOn(line, isOwn ? execution.executionId : undefined);
    }
    const key = `${workflowId}/${runId}`;
    const waiting = this.#waiting.get(key);
    if (waiting) {
      waiting.push(line);
      return;
    }
    if (this.#waiting.size >= LOOKUPS_AT_ONCE || !this.#lookups.has(1, performance.now()))
      return this.#handOn(line, undefined);
    this.#lookups.take(1);
    this.#waiting.set(key, [line]);
    void this.#lookUp(key, { workflowId, runId });
  }

  async #lookUp(key: string, run: { workflowId: string; runId: string }): Promise<void> {
    const found = await this.executions.executionOf(this.tenantId, run).catch(() => undefined);
    const lines = this.#waiting.get(key) ?? [];
    this.#waiting.delete(key);
    for (const line of lines) this.#handOn(line, found, run.workflowId);
  }

  /** @param childWorkflowId of the child run that said it */
  #handOn(line: LogLine, executionId: string | undefined, childWorkflowId?: string): void {
    const { pegasusLog: origin, ...said } = storable(line);
    const { taskQueue, source, runId, activityType, activityId, attempt } = origin;
    const entry: Omit<RunnerLogEntry, 'executionId' | 'workflowId'> = { ...said, source };
    if (runId !== undefined) entry.runId = runId;
    if (activityType !== undefined) entry.activityType = activityType;
    if (activityId !== undefined) entry.activityId = activityId;
    if (attempt !== undefined) entry.attempt = attempt;
    if (executionId !== undefined) {
      if (childWorkflowId !== undefined) entry.childWorkflowId = childWorkflowId;
      return this.push({ ...entry, executionId });
    }
    for (const workflowId of this.#versionsOf(taskQueue)) this.push({ ...entry, workflowId });
  }

  /** Whose log takes what belongs to no run: the artifact's whose code said it, else of all that are loaded. */
  #versionsOf(taskQueue: string | undefined): Set<string> {
    const own = taskQueue === undefined ? undefined : this.#artifacts.get(taskQueue);
    if (own !== undefined) return new Set([own]);
    return new Set([...this.#loaded].map((queue) => this.#artifacts.get(queue)!));
  }
}
