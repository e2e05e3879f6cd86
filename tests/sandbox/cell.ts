import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Writable } from 'node:stream';
import { ARTIFACT_PATHS } from '@pegasus-workflows/contracts';
import { parseEgressExceptions } from '@pegasus-workflows/kit/egress';
import { Gateway } from '@pegasus-workflows/runner/gateway';
import pino from 'pino';
import { Bubblewrap } from '../../packages/runner/dist/sandbox/bubblewrap.js';
import { probeCapabilities } from '../../packages/runner/dist/sandbox/capabilities.js';
import { workerCode } from '../../packages/runner/dist/sandbox/open.js';
import { type ToWorker } from '../../packages/runner/dist/protocol.js';
import { ProcessSandbox } from '../../packages/runner/dist/sandbox/process.js';
import {
  type ProcessEnd,
  type Sandbox,
  type SandboxLimits,
} from '../../packages/runner/dist/sandbox/sandbox.js';
import { wallsOf } from '../../packages/runner/dist/sandbox/walls.js';
import { startWorker, type WorkerChild } from '../../packages/runner/dist/supervisor/worker-child.js';
import { WorkerHomes } from '../../packages/runner/dist/supervisor/worker-homes.js';
import { serveWorker } from '../../packages/runner/dist/supervisor/worker-services.js';
import { requireCommand } from '../support/apt.js';
import { eventually } from '../support/wait.js';

const MIB = 1024 * 1024;
const NO_LIMITS = {
  callsPerSecond: 1e6,
  callsAtOnce: 100,
  historyEvents: 1e6,
  historyBytes: 1e9,
  runSeconds: 1e6,
};

export const LIMITS: SandboxLimits = {
  memoryBytes: 512 * MIB,
  tasks: 96,
  openFiles: 512,
  diskBytes: 32 * MIB,
  cpus: 0,
};

export interface HouseOptions {
  kind?: 'bubblewrap' | 'process';
  /** Without Node's flags, as if tenant code had got past them: the first wall has to hold alone. */
  permission?: boolean;
  /** As `PEGASUS_EGRESS_ALLOW`. */
  allow?: string;
  limits?: Partial<SandboxLimits>;
  /** Base URL of what stands for the platform's server. */
  serverUrl?: string;
}

/** A sandbox of this machine, and workers in it, each with the supervisor's services behind its ports. */
export class House {
  readonly #cells: Cell[] = [];

  private constructor(
    readonly sandbox: Sandbox,
    readonly limits: SandboxLimits,
    readonly dir: string,
    private readonly options: HouseOptions,
  ) {}

  static async open(options: HouseOptions = {}): Promise<House> {
    await requireCommand('bwrap', 'bubblewrap');
    const limits = { ...LIMITS, ...options.limits };
    const code = workerCode();
    const can = await probeCapabilities(code, limits);
    can.permission &&= options.permission !== false;
    const dir = await mkdtemp(join(tmpdir(), 'pegasus-sandbox-test-'));
    const sandbox =
      options.kind === 'process'
        ? new ProcessSandbox(can, limits, code, new WorkerHomes(dir), wallsOf(can))
        : new Bubblewrap(can, limits, code, wallsOf(can));
    return new House(sandbox, limits, dir, options);
  }

  /** A worker of a tenant, that has its ports. */
  async cell(): Promise<Cell> {
    const lines: string[] = [];
    const sink = new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        lines.push(chunk.toString('utf8'));
        done();
      },
    });
    const logger = pino({ level: 'debug' }, sink);
    const worker = startWorker(this.sandbox, this.limits.memoryBytes, logger);
    const printed: string[] = [];
    worker.output.bind((_stream, line) => void printed.push(line));
    const artifacts = new Map<string, string>();
    const tenantId = randomUUID();
    const target = { address: '127.0.0.1:9', namespace: 'default' };
    const session = new Gateway(target, NO_LIMITS, logger).open({
      tenantId,
      ownsTaskQueue: () => false,
      onClosed: () => undefined,
      onFlood: () => undefined,
      logger,
    });
    const { close, ...addresses } = serveWorker(await worker.ports, {
      tenantId,
      session,
      blobTarget: () => ({ url: new URL('http://127.0.0.1:9'), headers: {} }),
      serverUrl: this.options.serverUrl ?? 'http://127.0.0.1:9',
      egress: { exceptions: parseEgressExceptions(this.options.allow ?? ''), plainHttp: true },
      artifactDir: (sha256) => artifacts.get(sha256),
      logger,
    });
    void worker.exited.then(() => {
      close();
      session.close();
    });
    const payloadKeys = { currentId: null, keys: [] };
    const slots = { activities: 10, workflowTasks: 10 };
    worker.channel.send({
      type: 'configure',
      tenantId,
      drainMs: 100,
      slots,
      payloadKeys,
      ...addresses,
    } satisfies ToWorker);
    const cell = new Cell(worker, lines, printed, artifacts, this.dir);
    this.#cells.push(cell);
    return cell;
  }

  async close(): Promise<void> {
    for (const { worker } of this.#cells) worker.kill();
    await Promise.all(this.#cells.map(({ worker }) => worker.exited));
    await this.sandbox.close();
    await rm(this.dir, { recursive: true, force: true });
  }
}

/** One worker process, in which a test runs code as an artifact's activities would. */
export class Cell {
  constructor(
    readonly worker: WorkerChild,
    /** All that the supervisor's side has logged of it. */
    readonly lines: readonly string[],
    /** What it has printed. */
    private readonly printed: readonly string[],
    private readonly artifacts: Map<string, string>,
    private readonly dir: string,
  ) {}

  /** What the body of an async function of CommonJS returns in there, as JSON; a thrown error is `{thrown: message}`. */
  async run<T = unknown>(body: string): Promise<T> {
    const id = await this.start(body);
    const mark = `RESULT ${id} `;
    const found = await eventually(
      () => {
        const line = this.printed.find((text) => text.includes(mark));
        if (line === undefined)
          throw new Error(`no result yet; the last lines:\n${this.printed.slice(-5).join('\n')}`);
        return line;
      },
      { timeoutMs: 60_000 },
    );
    const { message } = JSON.parse(found) as { message: string };
    return JSON.parse(message.slice(mark.length)) as T;
  }

  /** Only sets it going, for code that ends its process. */
  async start(body: string): Promise<string> {
    const id = randomUUID();
    const sha256 = Buffer.from(id.replaceAll('-', '')).toString('hex').slice(0, 64);
    const artifactDir = join(this.dir, id);
    const files: Record<string, string> = {
      [ARTIFACT_PATHS.workflowBundle]: '',
      [ARTIFACT_PATHS.activityBundle]: `(async () => { ${body}\n})().then(
        (value) => value,
        (error) => ({ thrown: String(error?.cause?.message ?? error?.message), code: error?.cause?.code ?? error?.code }),
      ).then((value) => console.log('RESULT ${id} ' + JSON.stringify(value ?? null)));`,
    };
    for (const [path, text] of Object.entries(files)) {
      await mkdir(dirname(join(artifactDir, path)), { recursive: true });
      await writeFile(join(artifactDir, path), text);
    }
    this.artifacts.set(sha256, artifactDir);
    this.worker.channel.send({
      type: 'load',
      taskQueue: id,
      sha256,
      workflowName: 'probe',
      version: '1.0.0',
      hasActivities: true,
      dryRun: false,
    });
    return id;
  }

  /** Asks the worker to do something honest; throws when it does not. */
  async goesOn(): Promise<void> {
    const sum = await this.run<number>('return 40 + 2;');
    if (sum !== 42) throw new Error(`the neighbour says ${sum}`);
  }

  get exited(): Promise<ProcessEnd> {
    return this.worker.exited;
  }
}
