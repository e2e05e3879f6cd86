/**
 * Job: what one worker process may ask of Temporal, and in which words it is asked and answered.
 *
 * Boundary: bytes in, bytes out; `forward` makes the call. It holds no connection and never retries. Requests are decoded
 * with Temporal's own types and encoded anew, so a field that this release does not know goes no further.
 *
 * Invariants
 * 1. Only the calls of the table below are ever forwarded, in the tenant's namespace.
 * 2. A task queue is polled only while its artifact is loaded in this process; a sticky queue has this worker's id before
 *    its name, so no two workers share one.
 * 3. A completion, failure, heartbeat or query answer goes through only with a task token that was given to this worker.
 * 4. A history is read, and a runtime token made, only for runs a task of which this worker was given, the newest
 *    {@link RUNS_KNOWN} of them; a page of it only with a token that came with the one before.
 * 5. Commands keep to `commands.ts`; one that does not fails its workflow task, and nothing of that completion happens.
 * 6. Message and stack trace of failures leave encrypted, where there is a key.
 */
import { parseArtifactTaskQueue, tenantWorkflowId } from '@pegasus-workflows/contracts';
import { KeyedCount } from '@pegasus-workflows/kit';
import proto, { type temporal } from '@temporalio/proto';
import { type CallRate } from './call-rate.js';
import { checkCommand, closesRun, type BrokenRule, type CommandScope } from './commands.js';
import { type EagerPolls, type Life } from './eager-polls.js';
import { sealFailure, sealUpdate, type Seal } from './failures.js';
import { describedNamespace } from './namespace.js';
import { Refusal } from './refusal.js';
import { Responses } from './responses.js';
import { failRun, failure, historyRule, MAX_FORWARDED_BYTES, type RunLimits } from './run-limits.js';
import { fieldOf } from './wire.js';
import { WorkerTokens, type Task, type TaskKind } from './worker-tokens.js';

const api = proto.temporal.api.workflowservice.v1;
const { TaskQueueKind, WorkerVersioningMode } = proto.temporal.api.enums.v1;

/** Whom the calls are made for. */
export interface Caller {
  tenantId: string;
  namespace: string;
  /** Unique among the workers of the cluster. */
  sessionId: string;
  /** Whether a queue's artifact is loaded, or being loaded, in the process. */
  ownsTaskQueue: (name: string) => boolean;
  /** Encrypts with the tenant's key; absent where payloads are not encrypted. */
  seal?: Seal | undefined;
  /** How large and how long its runs may become. */
  limits: RunLimits;
  rate: Pick<CallRate, 'poll'>;
  /** A run has just been closed by this worker's command; ids are Temporal's. */
  onClosed: (workflowId: string, runId: string) => void;
  /** Brings first tasks to polls of artifact queues; absent where there is no eager start. */
  eager?: EagerPolls | undefined;
}

/**
 * Makes a call to Temporal: method name and serialized request → serialized response. It is given up with the worker's
 * own call, or with `life`.
 */
export type Forward = (method: string, request: Uint8Array, life?: Life) => Promise<Uint8Array>;

type Handler = (request: Uint8Array, forward: Forward, life: Life) => Promise<Uint8Array>;

/** What almost every request of a worker has. */
interface Common {
  namespace?: string | null;
  workerVersionStamp?: temporal.api.common.v1.IWorkerVersionStamp | null;
  workerVersion?: temporal.api.common.v1.IWorkerVersionStamp | null;
  workerVersionCapabilities?: temporal.api.common.v1.IWorkerVersionCapabilities | null;
  deploymentOptions?: temporal.api.deployment.v1.IWorkerDeploymentOptions | null;
  deployment?: temporal.api.deployment.v1.IDeployment | null;
  workerControlTaskQueue?: string | null;
}

/** Runs remembered per worker (invariant 4): far more than it can have tasks of at once. */
const RUNS_KNOWN = 50_000;

export class WorkerCalls {
  readonly #caller: Caller;
  readonly #tokens = new WorkerTokens();
  readonly #responses: Responses;
  readonly #runs = new Map<string, string>();
  readonly #handlers: Readonly<Record<string, Handler>>;
  /** Tasks that this worker was given and has not answered, by task queue: what it is busy with. One that is answered
   * twice counts once too often, which makes a worker look less busy than it is. */
  readonly inFlight = new KeyedCount();

  constructor(caller: Caller) {
    this.#caller = caller;
    this.#responses = new Responses({
      tenantId: caller.tenantId,
      tokens: this.#tokens,
      onTask: (workflowId, runId, taskQueue) => {
        this.#remember(workflowId, runId);
        this.inFlight.begin(taskQueue);
      },
    });
    this.#handlers = {
      GetSystemInfo: (request, forward) => forward('GetSystemInfo', request),
      DescribeNamespace: async (_request, forward) =>
        describedNamespace(await forward('DescribeNamespace', this.#ownNamespace())),
      PollWorkflowTaskQueue: (request, forward, life) => this.#pollWorkflowTask(request, forward, life),
      PollActivityTaskQueue: (request, forward) => this.#pollActivityTask(request, forward),
      RespondWorkflowTaskCompleted: (request, forward) => this.#workflowTaskCompleted(request, forward),
      RespondWorkflowTaskFailed: (request, forward) => this.#workflowTaskFailed(request, forward),
      RespondQueryTaskCompleted: (request, forward) => this.#queryAnswered(request, forward),
      RespondActivityTaskCompleted: (request, forward) =>
        request.length > MAX_FORWARDED_BYTES
          ? this.#resultTooLarge(request, forward)
          : this.#activity(
              'RespondActivityTaskCompleted',
              api.RespondActivityTaskCompletedRequest,
              request,
              forward,
            ),
      RespondActivityTaskCanceled: (request, forward) =>
        this.#activity(
          'RespondActivityTaskCanceled',
          api.RespondActivityTaskCanceledRequest,
          request,
          forward,
        ),
      RespondActivityTaskFailed: (request, forward) =>
        this.#activity('RespondActivityTaskFailed', api.RespondActivityTaskFailedRequest, request, forward),
      RecordActivityTaskHeartbeat: (request, forward) =>
        this.#activity(
          'RecordActivityTaskHeartbeat',
          api.RecordActivityTaskHeartbeatRequest,
          request,
          forward,
        ),
      GetWorkflowExecutionHistory: (request, forward) => this.#history(request, forward),
      ShutdownWorker: (request, forward) => this.#shutdown(request, forward),
    };
  }

  /** @throws {@link Refusal} for what is not allowed; whatever `forward` throws */
  handle(method: string, request: Uint8Array, forward: Forward, life: Life): Promise<Uint8Array> {
    const handler = Object.hasOwn(this.#handlers, method) ? this.#handlers[method] : undefined;
    if (!handler)
      return Promise.reject(
        Refusal.denied(
          'method',
          `a tenant's worker may not call ${method}; the gateway passes only a worker's own calls`,
        ),
      );
    return handler(request, forward, life);
  }

  /** Whether this worker was given a task of the run, which is named as its author names it. */
  knows(workflowId: string, runId: string): boolean {
    const id = tenantWorkflowId(this.#caller.tenantId, workflowId);
    if (id === undefined || this.#runs.get(runId) !== id) return false;
    this.#remember(id, runId);
    return true;
  }

  async #pollWorkflowTask(bytes: Uint8Array, forward: Forward, life: Life): Promise<Uint8Array> {
    const request = parse(api.PollWorkflowTaskQueueRequest, bytes);
    this.#common(request);
    const sticky = isSticky(request.taskQueue);
    const taskQueue = this.#polled(request.taskQueue);
    const asked = encode(api.PollWorkflowTaskQueueRequest, request);
    const poll = (until?: Life): Promise<Uint8Array> => forward('PollWorkflowTaskQueue', asked, until);
    const { eager, rate } = this.#caller;
    const response = await rate.poll('PollWorkflowTaskQueue', taskQueue, () =>
      eager && !sticky ? eager.poll(taskQueue, poll, life) : poll(),
    );
    return this.#responses.workflowTask(response, taskQueue);
  }

  async #pollActivityTask(bytes: Uint8Array, forward: Forward): Promise<Uint8Array> {
    const request = parse(api.PollActivityTaskQueueRequest, bytes);
    this.#common(request);
    const taskQueue = this.#polled(request.taskQueue);
    const response = await this.#caller.rate.poll('PollActivityTaskQueue', taskQueue, () =>
      forward('PollActivityTaskQueue', encode(api.PollActivityTaskQueueRequest, request)),
    );
    return this.#responses.activityTask(response, taskQueue);
  }

  async #workflowTaskCompleted(bytes: Uint8Array, forward: Forward): Promise<Uint8Array> {
    const tooLarge = bytes.length > MAX_FORWARDED_BYTES;
    const request = tooLarge
      ? api.RespondWorkflowTaskCompletedRequest.create({ taskToken: fieldOf(bytes, TASK_TOKEN) })
      : parse(api.RespondWorkflowTaskCompletedRequest, bytes);
    if (tooLarge)
      failRun(request, 'PayloadLimit', tooLargeSentence('What the workflow does in one step', bytes));
    this.#common(request);
    const task = this.#answered(this.#task('workflow', request.taskToken));
    request.taskToken = task.token;
    const outgrown = historyRule(task, request.commands ?? [], this.#caller.limits);
    if (outgrown) failRun(request, 'HistoryLimit', `The run was ended by the platform: ${outgrown}.`);
    this.#sticky(request.stickyAttributes?.workerTaskQueue);
    const scope = this.#scopeOf(task);
    for (const command of request.commands ?? []) {
      const rule = checkCommand(command, scope);
      if (rule) throw await this.#failTask(task, rule, request.identity ?? '', forward);
      this.#sealCommand(command);
    }
    const { seal } = this.#caller;
    if (seal) for (const message of request.messages ?? []) sealUpdate(message, seal);
    const response = await forward(
      'RespondWorkflowTaskCompleted',
      encode(api.RespondWorkflowTaskCompletedRequest, request),
    );
    if (request.commands?.some(closesRun)) this.#caller.onClosed(task.workflowId, task.runId);
    return this.#responses.completion(response, task.taskQueue);
  }

  /** Invariant 5: the task fails in Temporal's books, and the worker hears what Temporal itself would have told it. */
  async #failTask(task: Task, rule: BrokenRule, identity: string, forward: Forward): Promise<Refusal> {
    const message = `Not allowed on this platform: ${rule.message}`;
    const request = api.RespondWorkflowTaskFailedRequest.create({
      namespace: this.#caller.namespace,
      taskToken: task.token,
      cause: rule.cause,
      identity,
      failure: { message, source: 'Pegasus', applicationFailureInfo: { type: 'TenantBoundary' } },
    });
    await forward('RespondWorkflowTaskFailed', encode(api.RespondWorkflowTaskFailedRequest, request));
    return Refusal.invalid(rule.rule, message);
  }

  async #workflowTaskFailed(bytes: Uint8Array, forward: Forward): Promise<Uint8Array> {
    const request = parse(api.RespondWorkflowTaskFailedRequest, bytes);
    this.#common(request);
    request.taskToken = this.#answered(this.#task('workflow', request.taskToken)).token;
    if (this.#caller.seal) sealFailure(request.failure, this.#caller.seal);
    return forward('RespondWorkflowTaskFailed', encode(api.RespondWorkflowTaskFailedRequest, request));
  }

  async #queryAnswered(bytes: Uint8Array, forward: Forward): Promise<Uint8Array> {
    const request = parse(api.RespondQueryTaskCompletedRequest, bytes);
    this.#common(request);
    request.taskToken = this.#answered(this.#task('workflow', request.taskToken)).token;
    return forward('RespondQueryTaskCompleted', encode(api.RespondQueryTaskCompletedRequest, request));
  }

  async #activity<T extends Common & { taskToken?: Uint8Array | null }>(
    method: string,
    type: Message<T>,
    bytes: Uint8Array,
    forward: Forward,
  ): Promise<Uint8Array> {
    const request: T & { failure?: temporal.api.failure.v1.IFailure | null } = parse(type, bytes);
    this.#common(request);
    const task = this.#task('activity', request.taskToken);
    if (method !== 'RecordActivityTaskHeartbeat') this.#answered(task);
    request.taskToken = task.token;
    if (this.#caller.seal) sealFailure(request.failure, this.#caller.seal);
    return forward(method, encode(type, request));
  }

  /** Temporal would take neither the result nor a repetition of it. */
  #resultTooLarge(bytes: Uint8Array, forward: Forward): Promise<Uint8Array> {
    const request = api.RespondActivityTaskFailedRequest.create({
      taskToken: fieldOf(bytes, TASK_TOKEN),
      failure: failure('PayloadLimit', tooLargeSentence("The activity's result", bytes)),
    });
    const type = api.RespondActivityTaskFailedRequest;
    return this.#activity('RespondActivityTaskFailed', type, encode(type, request), forward);
  }

  async #history(bytes: Uint8Array, forward: Forward): Promise<Uint8Array> {
    const request = parse(api.GetWorkflowExecutionHistoryRequest, bytes);
    this.#common(request);
    const { workflowId, runId } = request.execution ?? {};
    if (!workflowId || !runId || !this.knows(workflowId, runId))
      throw Refusal.denied('history', 'a worker may read the history only of a run whose task it was given');
    request.execution = { workflowId: this.#runs.get(runId)!, runId };
    request.waitNewEvent = false;
    request.nextPageToken = this.#page(runId, request.nextPageToken ?? new Uint8Array());
    const response = await forward(
      'GetWorkflowExecutionHistory',
      encode(api.GetWorkflowExecutionHistoryRequest, request),
    );
    return this.#responses.history(response, runId);
  }

  async #shutdown(bytes: Uint8Array, forward: Forward): Promise<Uint8Array> {
    const request = parse(api.ShutdownWorkerRequest, bytes);
    this.#common(request);
    if (request.taskQueue) this.#ownQueue(request.taskQueue);
    if (request.stickyTaskQueue) request.stickyTaskQueue = this.#stickyName(request.stickyTaskQueue);
    request.workerHeartbeat = null;
    return forward('ShutdownWorker', encode(api.ShutdownWorkerRequest, request));
  }

  #ownNamespace(): Uint8Array {
    return encode(
      api.DescribeNamespaceRequest,
      api.DescribeNamespaceRequest.create({ namespace: this.#caller.namespace }),
    );
  }

  /** Invariant 1: the namespace is the platform's, and nothing registers a worker deployment in it. */
  #common(request: Common): void {
    if (request.namespace && request.namespace !== this.#caller.namespace)
      throw Refusal.denied('namespace', 'a worker may call Temporal only in the namespace it was given');
    request.namespace = this.#caller.namespace;
    const mode = request.deploymentOptions?.workerVersioningMode;
    const stamps = [request.workerVersionStamp, request.workerVersion, request.workerVersionCapabilities];
    if (
      mode === WorkerVersioningMode.WORKER_VERSIONING_MODE_VERSIONED ||
      request.deployment ||
      stamps.some((stamp) => stamp?.useVersioning)
    )
      throw Refusal.denied(
        'worker-versioning',
        'worker versioning is not offered: the platform pins each run to its artifact',
      );
    if (request.workerControlTaskQueue) request.workerControlTaskQueue = '';
  }

  /** Invariant 2: the artifact queue that a poll is for; the request's sticky name becomes this worker's own. */
  #polled(queue: temporal.api.taskqueue.v1.ITaskQueue | null | undefined): string {
    const sticky = isSticky(queue);
    const name = (sticky ? queue?.normalName : queue?.name) ?? '';
    this.#ownQueue(name);
    if (sticky) this.#sticky(queue);
    return name;
  }

  #sticky(queue: temporal.api.taskqueue.v1.ITaskQueue | null | undefined): void {
    if (!queue) return;
    this.#ownQueue(queue.normalName ?? '');
    queue.name = this.#stickyName(queue.name ?? '');
    queue.kind = TaskQueueKind.TASK_QUEUE_KIND_STICKY;
  }

  #stickyName(name: string): string {
    return `sticky/${this.#caller.sessionId}/${name}`;
  }

  #ownQueue(name: string): void {
    if (this.#caller.ownsTaskQueue(name)) return;
    throw Refusal.denied(
      'task-queue',
      'a worker may use only the task queues of artifacts that are loaded in it',
    );
  }

  #task(kind: TaskKind, token: Uint8Array | null | undefined): Task {
    const task = token ? this.#tokens.openTask(kind, token) : undefined;
    if (task) return task;
    throw Refusal.denied('task-token', 'this task token was not given to this worker');
  }

  #page(runId: string, token: Uint8Array): Uint8Array {
    const page = this.#tokens.openPage(runId, token);
    if (page) return page;
    throw Refusal.denied('page-token', 'this page token was not given to this worker for this run');
  }

  #answered(task: Task): Task {
    this.inFlight.end(task.taskQueue);
    return task;
  }

  #scopeOf(task: Task): CommandScope {
    const { tenantId, namespace, limits } = this.#caller;
    return {
      tenantId,
      namespace,
      maxRunSeconds: limits.runSeconds,
      dryRun: parseArtifactTaskQueue(task.taskQueue)?.dryRun ?? false,
    };
  }

  #sealCommand(command: temporal.api.command.v1.ICommand): void {
    const { seal } = this.#caller;
    if (!seal) return;
    sealFailure(command.failWorkflowExecutionCommandAttributes?.failure, seal);
    sealFailure(command.recordMarkerCommandAttributes?.failure, seal);
    sealFailure(command.continueAsNewWorkflowExecutionCommandAttributes?.failure, seal);
  }

  #remember(workflowId: string, runId: string): void {
    this.#runs.delete(runId);
    this.#runs.set(runId, workflowId);
    if (this.#runs.size > RUNS_KNOWN) this.#runs.delete(this.#runs.keys().next().value!);
  }
}

function isSticky(queue: temporal.api.taskqueue.v1.ITaskQueue | null | undefined): boolean {
  return queue?.kind === TaskQueueKind.TASK_QUEUE_KIND_STICKY;
}

/** Field of both kinds of completion. */
const TASK_TOKEN = 1;

function tooLargeSentence(what: string, bytes: Uint8Array): string {
  return `${what} has ${bytes.length} bytes; at most ${MAX_FORWARDED_BYTES} are taken. Keep large values elsewhere and pass a reference.`;
}

interface Message<T> {
  decode(bytes: Uint8Array): T;
  encode(message: T): { finish(): Uint8Array };
}

function parse<T>(type: Message<T>, bytes: Uint8Array): T {
  try {
    return type.decode(bytes);
  } catch {
    throw Refusal.invalid('message', 'the request is not a valid protobuf message of its method');
  }
}

function encode<T>(type: Message<T>, message: T): Uint8Array {
  return type.encode(message).finish();
}
