import { randomBytes, randomUUID } from 'node:crypto';
import { createServer, type Server, type Socket } from 'node:net';
import { Client as GrpcClient, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import { Client, Connection } from '@temporalio/client';
import proto, { type temporal } from '@temporalio/proto';
import { pino } from 'pino';
import { artifactTaskQueue } from '@pegasus-workflows/contracts';
import { Gateway, type GatewaySession, type SessionLimits } from '@pegasus-workflows/runner/gateway';
import { testTemporal } from '../../support/temporal.js';

export const NAMESPACE = 't5';
export const { workflowservice, enums } = proto.temporal.api as unknown as {
  workflowservice: { v1: Record<string, MessageType> & typeof proto.temporal.api.workflowservice.v1 };
  enums: typeof proto.temporal.api.enums;
};
/** As a supervisor has them that nobody has told otherwise. */
export const SESSION_LIMITS: SessionLimits = {
  callsPerSecond: 500,
  callsAtOnce: 8,
  historyEvents: 40_000,
  historyBytes: 40 * 1024 * 1024,
  runSeconds: 366 * 24 * 3600,
};
const SERVICE = '/temporal.api.workflowservice.v1.WorkflowService/';

interface MessageType {
  encode(message: object): { finish(): Uint8Array };
  decode(bytes: Uint8Array): object;
}

export interface RefusedLine {
  method?: string;
  rule?: string;
  msg: string;
}

/** A tenant with one worker session, whose calls a test makes by hand as hostile tenant code could. */
export interface Hostile {
  tenantId: string;
  taskQueue: string;
  address: string;
  session: GatewaySession;
  closed: string[];
  /** How often the gateway has asked for this worker to be ended. */
  flooded: { times: number };
  refused: RefusedLine[];
  /** Makes a raw call with the session's credential; the answer is decoded as the method's response. */
  call<T = object>(method: string, request: object, options?: CallOptions): Promise<T>;
  /** The same with bytes of any kind. */
  raw(path: string, request: Uint8Array, options?: CallOptions): Promise<Uint8Array>;
  /** Ends every connection that is open now, as a broken network would. */
  disconnect(): number;
}

export interface CallOptions {
  /** Default the session's own; null: none. */
  credential?: string | null;
  deadlineMs?: number;
  signal?: AbortSignal;
  metadata?: Record<string, string>;
}

/** The real gateway towards a real Temporal: the one of this run, unless another is named. */
export class GatewayBench {
  readonly gateway: Gateway;
  client!: Client;
  #connection!: Connection;
  readonly #closers: (() => void)[] = [];

  constructor(
    limits: Partial<SessionLimits> = {},
    readonly address = testTemporal(NAMESPACE).address,
  ) {
    const target = { address, namespace: NAMESPACE };
    this.gateway = new Gateway(target, { ...SESSION_LIMITS, ...limits }, pino({ level: 'silent' }));
  }

  async open(): Promise<this> {
    this.#connection = await Connection.connect({ address: this.address });
    this.client = new Client({ connection: this.#connection, namespace: NAMESPACE });
    return this;
  }

  async close(): Promise<void> {
    for (const close of this.#closers) close();
    this.gateway.close();
    await this.#connection.close();
  }

  /** @param tenantId default a new tenant; @param seal as {@link Gateway.open} takes it */
  async worker(tenantId: string = randomUUID()): Promise<Hostile> {
    const taskQueue = artifactTaskQueue(tenantId, randomBytes(32).toString('hex'));
    const refused: RefusedLine[] = [];
    const closed: string[] = [];
    const flooded = { times: 0 };
    const logger = pino(
      { level: 'warn' },
      { write: (line: string) => void refused.push(JSON.parse(line) as RefusedLine) },
    );
    const session = this.gateway.open({
      tenantId,
      ownsTaskQueue: (name) => name === taskQueue,
      onClosed: (workflowId) => void closed.push(workflowId),
      onFlood: () => void (flooded.times += 1),
      logger,
    });
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      sockets.add(socket);
      socket.on('close', () => sockets.delete(socket));
      session.accept(socket);
    });
    const address = await listen(server);
    const grpc = new GrpcClient(address, credentials.createInsecure(), {
      'grpc.use_local_subchannel_pool': 1,
    });
    this.#closers.push(() => {
      grpc.close();
      session.close();
      server.close();
    });
    const raw: Hostile['raw'] = (path, request, options = {}) => unary(grpc, path, request, session, options);
    return {
      tenantId,
      taskQueue,
      address,
      session,
      closed,
      flooded,
      refused,
      raw,
      call: async <T>(method: string, request: object, options?: CallOptions) => {
        const types = workflowservice.v1 as Record<string, MessageType>;
        const bytes = types[`${method}Request`]!.encode({ namespace: NAMESPACE, ...request }).finish();
        return types[`${method}Response`]!.decode(await raw(SERVICE + method, bytes, options)) as T;
      },
      disconnect: () => {
        const { size } = sockets;
        for (const socket of sockets) socket.destroy();
        return size;
      },
    };
  }

  /** Starts a run on a worker's queue, past the gateway. */
  async start(
    worker: Pick<Hostile, 'tenantId' | 'taskQueue'>,
    workflowType = 'any',
    args: unknown[] = [],
    workflowId = `wf/${worker.tenantId}/any/${randomUUID()}`,
  ) {
    return this.client.workflow.start(workflowType, { workflowId, taskQueue: worker.taskQueue, args });
  }
}

export type WorkflowTask = temporal.api.workflowservice.v1.PollWorkflowTaskQueueResponse;
export type ActivityTask = temporal.api.workflowservice.v1.PollActivityTaskQueueResponse;

/** Polls until there is a task. */
export async function pollWorkflowTask(worker: Hostile): Promise<WorkflowTask> {
  for (;;) {
    const task = await worker.call<WorkflowTask>('PollWorkflowTaskQueue', {
      taskQueue: { name: worker.taskQueue, kind: enums.v1.TaskQueueKind.TASK_QUEUE_KIND_NORMAL },
      identity: 'hostile',
    });
    if (task.taskToken?.length) return task;
  }
}

export async function pollActivityTask(worker: Hostile): Promise<ActivityTask> {
  for (;;) {
    const task = await worker.call<ActivityTask>('PollActivityTaskQueue', {
      taskQueue: { name: worker.taskQueue },
      identity: 'hostile',
    });
    if (task.taskToken?.length) return task;
  }
}

/** What a call was refused with: gRPC's status and its sentence; fails when it was not refused. */
export async function refusalOf(call: Promise<unknown>): Promise<{ code: number; details: string }> {
  const error = await call.then(
    () => undefined,
    (thrown: unknown) => thrown as ServiceError,
  );
  if (!error) throw new Error('the call was answered');
  return { code: error.code, details: error.details };
}

function unary(
  grpc: GrpcClient,
  path: string,
  request: Uint8Array,
  session: GatewaySession,
  options: CallOptions,
): Promise<Uint8Array> {
  const metadata = new Metadata();
  const credential = options.credential === undefined ? session.credential : options.credential;
  if (credential !== null) metadata.set('pegasus-worker', credential);
  for (const [name, value] of Object.entries(options.metadata ?? {})) metadata.set(name, value);
  return new Promise((resolve, reject) => {
    const call = grpc.makeUnaryRequest(
      path,
      (bytes: Uint8Array) => Buffer.from(bytes),
      (bytes: Buffer) => bytes,
      request,
      metadata,
      { deadline: Date.now() + (options.deadlineMs ?? 60_000) },
      (error: ServiceError | null, response?: Buffer) => (error ? reject(error) : resolve(response!)),
    );
    options.signal?.addEventListener('abort', () => call.cancel());
  });
}

function listen(server: Server): Promise<string> {
  return new Promise((resolve) =>
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      resolve(`127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`);
    }),
  );
}
