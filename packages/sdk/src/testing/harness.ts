import { randomUUID } from 'node:crypto';
import type {
  Connection,
  SignalDefinition,
  Workflow,
  WorkflowHandle,
  WorkflowResultType,
  WorkflowStartOptions,
} from '@temporalio/client';
import { msToNumber, msToTs, tsToMs } from '@temporalio/common/lib/time.js';
import type { Duration } from '@temporalio/common';
import { TimeSkippingWorkflowClient } from '@temporalio/testing';
import { DefaultLogger, Runtime, Worker, makeTelemetryFilterString, type LogLevel } from '@temporalio/worker';
import { ActivityTable, type Activities } from './activity-table.js';
import { bundleOf, type WorkflowSource } from './bundle.js';
import { connectToTestServer, type TestConnections } from './connection.js';
import type { LocalPlatform } from './local-platform/local-platform.js';
import { acquireTestServer, startTestServer, type TestServer } from './server/test-server.js';

const NAMESPACE = 'default';

export interface TestHarnessOptions extends WorkflowSource {
  /** Real activities or mocks, by name: `import * as activities from '../demo/activities.js'`, or `{ greet: async () => 'hi' }`. */
  activities?: Activities | undefined;
  /** What `PegasusClient.fromRuntime()` in activities finds: see `createLocalPlatform`. Without one it finds none. */
  platform?: LocalPlatform | undefined;
  /** A server for this harness alone, where other tests of the process run at the same time and must not move its clock. */
  isolated?: boolean | undefined;
  /** What the worker and `log` of workflows print, to standard error; default WARN. The first harness of a process decides. */
  logLevel?: LogLevel | undefined;
}

/** A signal to send while the workflow runs. */
export interface TimedSignal {
  signal: string | Pick<SignalDefinition, 'name'>;
  args?: unknown[];
  /** Virtual time after the start; default: at once. */
  after?: Duration;
}

type StartOptions = Omit<WorkflowStartOptions, 'args' | 'taskQueue' | 'workflowId'> & { workflowId?: string };

export interface RunTestOptions<W extends Workflow> extends StartOptions {
  /** Sent in the order of their `after`; time is skipped in between. */
  signals?: TimedSignal[];
  /** Called when the workflow has started, before time is skipped: query it, signal it, sleep. */
  onStart?: (handle: WorkflowHandle<W>) => Promise<void> | void;
}

/** Starts a time-skipping server (shared by the process), bundles the workflows and starts a worker for them. */
export async function createTestHarness(options: TestHarnessOptions): Promise<TestHarness> {
  quietRuntime(options.logLevel ?? 'WARN');
  const table = new ActivityTable(options.activities ?? {}, options.platform);
  const bundling = bundleOf(options);
  // Reported below; until then the server's start may fail first.
  bundling.catch(() => undefined);
  const server = await (options.isolated ? startTestServer() : acquireTestServer());
  let connections: TestConnections | undefined;
  try {
    connections = await connectToTestServer(server.address);
    const taskQueue = `test-${randomUUID()}`;
    const [workflowBundle] = await Promise.all([bundling, warmUp(connections.client)]);
    const worker = await Worker.create({
      connection: connections.worker,
      namespace: NAMESPACE,
      taskQueue,
      workflowBundle,
      activities: table.registered,
      shutdownGraceTime: '1 second',
    });
    return new TestHarness({ server, connections, worker, table, taskQueue });
  } catch (error) {
    await connections?.close();
    await server.release();
    throw error;
  }
}

interface Parts {
  server: TestServer;
  connections: TestConnections;
  worker: Worker;
  table: ActivityTable;
  taskQueue: string;
}

/**
 * Job: run workflows under test, where a timer of a month takes milliseconds.
 *
 * Boundary: Temporal's own worker, client and test server; this adds the clock's handling, mocks and clean-up.
 *
 * Invariants
 * 1. Time stands still (passes as on the wall) except while a result is awaited or {@link sleep} is under way.
 * 2. Code sees the exact virtual time. After a run's end the clock may stand at a later pending time-out of it: the
 *    server skips once more before the client can stop it. Compare times read while a run is going on.
 * 3. A worker that breaks fails every `run` that is waiting, instead of letting it hang.
 * 4. `close` leaves nothing behind: open workflows are terminated, worker and connections closed, the server released.
 * 5. A server on which a workflow was terminated is not handed to later harnesses: one that ends with a task under
 *    way keeps the clock locked for good, and every later test would hang.
 */
export class TestHarness implements AsyncDisposable {
  /** Temporal's own client, for all that is not here. */
  readonly client: TimeSkippingWorkflowClient;
  readonly taskQueue: string;
  /** `host:port` of the test server. */
  readonly address: string;
  /** How long the server took to start, in milliseconds; shared harnesses report the same start. */
  readonly serverStartMs: number;
  readonly #parts: Parts;
  readonly #running: Promise<void>;
  readonly #open = new Set<WorkflowHandle>();
  #closing: Promise<void> | undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.taskQueue = parts.taskQueue;
    this.address = parts.server.address;
    this.serverStartMs = parts.server.startMs;
    this.client = new TimeSkippingWorkflowClient({
      connection: parts.connections.client,
      namespace: NAMESPACE,
    });
    this.#running = parts.worker.run();
    // Reported by whoever runs a workflow (invariant 3), not as an unhandled rejection.
    this.#running.catch(() => undefined);
  }

  /**
   * Runs a workflow to its end and returns its result.
   *
   * @param workflow the function, or the name of its export
   * @param input its single argument: see `manualInput`, `eventInput`, `scheduleInput`, `testInput`
   * @throws Temporal's WorkflowFailedError, whose `cause` is the failure
   */
  async run<W extends Workflow>(
    workflow: W | string,
    input?: Parameters<W>[0],
    options: RunTestOptions<W> = {},
  ): Promise<WorkflowResultType<W>> {
    const { signals = [], onStart, ...startOptions } = options;
    const handle = await this.start(workflow, input, startOptions);
    await onStart?.(handle);
    let elapsed = 0;
    const due = signals.map((timed) => ({
      ...timed,
      at: timed.after === undefined ? 0 : msToNumber(timed.after),
    }));
    for (const { signal, args = [], at } of due.sort((a, b) => a.at - b.at)) {
      if (at > elapsed) await this.sleep(at - elapsed);
      elapsed = Math.max(elapsed, at);
      await handle.signal(typeof signal === 'string' ? signal : signal.name, ...args);
    }
    const workerEnded = this.#running.then((): never => {
      throw new Error('The test harness was closed while a workflow was running.');
    });
    const result = await Promise.race([handle.result(), workerEnded]);
    this.#open.delete(handle);
    return result;
  }

  /**
   * Starts a workflow and returns Temporal's own handle: `signal`, `query`, `executeUpdate`, `cancel`, `terminate`,
   * `fetchHistory`, and `result`, which skips time while it is awaited.
   */
  async start<W extends Workflow>(
    workflow: W | string,
    input?: Parameters<W>[0],
    options: StartOptions = {},
  ): Promise<WorkflowHandle<W>> {
    const { workflowId = `test/${randomUUID()}`, ...rest } = options;
    await this.client.start(typeOf(workflow), {
      ...rest,
      workflowId,
      taskQueue: this.taskQueue,
      args: input === undefined ? [] : [input],
    });
    const handle = this.client.getHandle<W>(workflowId);
    this.#open.add(handle);
    return handle;
  }

  /** Skips the clock forward by a duration (milliseconds, or `'3 days'`), running whatever is due meanwhile. */
  async sleep(duration: Duration): Promise<void> {
    await this.#testService.unlockTimeSkippingWithSleep({ duration: msToTs(duration) });
  }

  /** The virtual time. */
  async now(): Promise<Date> {
    const { time } = await this.#testService.getCurrentTime({});
    return new Date(tsToMs(time));
  }

  /** Replaces activities from now on; the result puts back what was there. Usable with `using`. */
  mockActivities(activities: Activities): (() => void) & Disposable {
    const restore = this.#parts.table.add(activities);
    return Object.assign(() => restore(), { [Symbol.dispose]: restore });
  }

  /** What `PegasusClient.fromRuntime()` finds in activities that begin from now on; give each test its own. */
  get platform(): LocalPlatform | undefined {
    return this.#parts.table.platform;
  }
  set platform(platform: LocalPlatform | undefined) {
    this.#parts.table.platform = platform;
  }

  /** Ends worker, connections and, with the last harness of the process, the server. Idempotent. */
  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    const { worker, connections, server } = this.#parts;
    const terminated = await this.#terminateOpen();
    if (worker.getState() === 'RUNNING') worker.shutdown();
    try {
      await this.#running;
    } finally {
      await connections.close();
      await server.release({ reusable: !terminated });
    }
  }

  /** An open workflow would go on drawing the shared clock forward. Tells whether there was one. */
  async #terminateOpen(): Promise<boolean> {
    const ended = await Promise.all(
      [...this.#open].map((handle) =>
        // Most have ended by themselves, which is no failure.
        handle.terminate('the test is over').then(
          () => true,
          () => false,
        ),
      ),
    );
    return ended.includes(true);
  }

  get #testService(): NonNullable<Connection['testService']> {
    const { testService } = this.#parts.connections.client;
    if (!testService) throw new Error('The Temporal server at hand cannot skip time.');
    return testService;
  }
}

/**
 * A JVM that has just started is slow at first. A question it must look up takes part of that out of the first test,
 * while the bundler works. (A workflow begun and ended here would do better, but see invariant 5 of the harness.)
 */
async function warmUp(connection: Connection): Promise<void> {
  const client = new TimeSkippingWorkflowClient({ connection, namespace: NAMESPACE });
  await client
    .getHandle('warm-up')
    .describe()
    .catch(() => undefined);
}

function typeOf(workflow: Workflow | string): string {
  if (typeof workflow === 'string') return workflow;
  if (workflow.name) return workflow.name;
  throw new TypeError('The workflow function has no name: name it after its export, or pass that name.');
}

let runtimeInstalled = false;

/** Temporal's runtime is one per process and logs much by default; one that a test installed itself is left alone. */
function quietRuntime(level: LogLevel): void {
  if (runtimeInstalled) return;
  runtimeInstalled = true;
  try {
    // The core warns about what the test server lacks in comparison with the real one.
    const logging = { filter: makeTelemetryFilterString({ core: 'ERROR', other: 'ERROR' }) };
    Runtime.install({ logger: new DefaultLogger(level), telemetryOptions: { logging } });
  } catch (error) {
    if (!(error instanceof Error && error.name === 'IllegalStateError')) throw error;
  }
}
