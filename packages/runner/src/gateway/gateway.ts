/**
 * Job: the only Temporal that a tenant worker knows: a gRPC service that makes the worker's own calls for it.
 *
 * Boundary: what may be asked is decided by `worker-calls.ts`; here are connections, streams and their limits. Calls,
 * deadlines and cancellations pass through one to one; no call is repeated, queued or answered from memory.
 *
 * Invariants
 * 1. A session belongs to one worker process. A call without its credential is refused before it is read.
 * 2. A call that the worker gives up is given up towards Temporal too, and one that outlives its deadline ends.
 * 3. Connections, streams, header and message sizes of a session are bounded; the bound hits that session alone.
 * 4. After `close` a session serves nothing, and its connections are gone.
 * 5. A refusal is logged with its rule, at most {@link LOGGED_PER_MINUTE} a minute and session; the rest are counted.
 */
import { randomBytes, timingSafeEqual } from 'node:crypto';
import { type Socket } from 'node:net';
import {
  Metadata,
  Server,
  ServerCredentials,
  status,
  type sendUnaryData,
  type ServerUnaryCall,
  type ServiceDefinition,
  type ServiceError,
} from '@grpc/grpc-js';
import { type Logger } from '@pegasus-workflows/kit';
import proto from '@temporalio/proto';
import { type TemporalTarget } from '../connection-options.js';
import { GATEWAY_CREDENTIAL_HEADER } from '../protocol.js';
import { type Seal } from './failures.js';
import { Refusal } from './refusal.js';
import { connectUpstream, type Upstream } from './upstream.js';
import { WorkerCalls } from './worker-calls.js';

export const LOGGED_PER_MINUTE = 20;
/** More than a worker with a hundred artifacts opens: ten pollers of each kind, and what completes. */
const MAX_STREAMS = 4_096;
/** Temporal's SDK opens one; a few more while it reconnects. */
const MAX_CONNECTIONS = 8;
/** Temporal's own bound of a request. */
const MAX_REQUEST_BYTES = 4 * 1024 * 1024;

export interface SessionOptions {
  tenantId: string;
  /** Whether a queue's artifact is loaded, or being loaded, in the process. */
  ownsTaskQueue: (name: string) => boolean;
  seal?: Seal | undefined;
  onClosed: (workflowId: string, runId: string) => void;
  logger: Logger;
}

/** One worker process at the gateway. */
export interface GatewaySession {
  /** What the worker sends as {@link GATEWAY_CREDENTIAL_HEADER}. */
  readonly credential: string;
  /** The one in which all its calls are made. */
  readonly namespace: string;
  /** Whether this worker was given a task of the run, which is named as its author names it. */
  knows(workflowId: string, runId: string): boolean;
  /** Serves a connection that the worker has opened. */
  accept(socket: Socket): void;
  close(): void;
}

/** Opens sessions towards one Temporal cluster. */
export class Gateway {
  constructor(private readonly target: TemporalTarget) {}

  open(options: SessionOptions): GatewaySession {
    return new Session(this.target, options);
  }
}

type UnaryCall = ServerUnaryCall<Buffer, Uint8Array>;

class Session implements GatewaySession {
  readonly credential = randomBytes(32).toString('base64url');
  readonly namespace: string;
  readonly #expected = Buffer.from(this.credential);
  readonly #upstream: Upstream;
  readonly #calls: WorkerCalls;
  readonly #server: Server;
  readonly #injector: ReturnType<Server['createConnectionInjector']>;
  readonly #sockets = new Set<Socket>();
  readonly #logger: Logger;
  readonly #refusals: RefusalLog;

  constructor(target: TemporalTarget, options: SessionOptions) {
    const { tenantId, ownsTaskQueue, seal, onClosed } = options;
    this.namespace = target.namespace;
    this.#logger = options.logger;
    this.#refusals = new RefusalLog(options.logger);
    this.#upstream = connectUpstream(target);
    this.#calls = new WorkerCalls({
      tenantId,
      namespace: target.namespace,
      sessionId: randomBytes(12).toString('base64url'),
      ownsTaskQueue,
      seal,
      onClosed,
    });
    this.#server = new Server({
      'grpc.max_concurrent_streams': MAX_STREAMS,
      'grpc.max_receive_message_length': MAX_REQUEST_BYTES,
      'grpc.max_send_message_length': -1,
      'grpc.enable_channelz': 0,
    });
    this.#server.addService(
      SERVICE,
      implementation((method, call) => this.#serve(method, call)),
    );
    this.#injector = this.#server.createConnectionInjector(ServerCredentials.createInsecure());
  }

  accept(socket: Socket): void {
    if (this.#sockets.size >= MAX_CONNECTIONS) {
      socket.destroy();
      return;
    }
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
    socket.on('error', (error) => this.#logger.debug({ err: error }, 'a worker’s connection failed'));
    socket.setNoDelay(true);
    this.#injector.injectConnection(socket);
  }

  knows(workflowId: string, runId: string): boolean {
    return this.#calls.knows(workflowId, runId);
  }

  close(): void {
    this.#injector.destroy();
    this.#server.forceShutdown();
    for (const socket of this.#sockets) socket.destroy();
    this.#upstream.close();
  }

  async #serve(method: string, call: UnaryCall): Promise<Uint8Array> {
    try {
      this.#authenticate(call.metadata);
      const abandoned = new AbortController();
      call.on('cancelled', () => abandoned.abort());
      if (call.cancelled) abandoned.abort();
      const context = { metadata: call.metadata, deadline: call.getDeadline(), signal: abandoned.signal };
      return await this.#calls.handle(method, call.request, (name, request) =>
        this.#upstream.call(name, request, context),
      );
    } catch (error) {
      if (error instanceof Refusal) this.#refusals.note(method, error);
      throw error;
    }
  }

  /** Invariant 1. */
  #authenticate(metadata: Metadata): void {
    const [given] = metadata.get(GATEWAY_CREDENTIAL_HEADER);
    const bytes = Buffer.from(typeof given === 'string' ? given : '');
    if (bytes.length === this.#expected.length && timingSafeEqual(bytes, this.#expected)) return;
    throw new Refusal(
      status.UNAUTHENTICATED,
      'credential',
      'this gateway serves one worker process, and the call does not carry its credential',
    );
  }
}

/** Invariant 5. */
class RefusalLog {
  #minute = 0;
  #logged = 0;
  #unsaid = 0;

  constructor(private readonly logger: Logger) {}

  note(method: string, refusal: Refusal): void {
    const minute = Math.floor(performance.now() / 60_000);
    if (minute !== this.#minute) {
      if (this.#unsaid > 0) this.logger.warn({ refusals: this.#unsaid }, 'the gateway refused more calls');
      this.#minute = minute;
      this.#logged = 0;
      this.#unsaid = 0;
    }
    if (this.#logged >= LOGGED_PER_MINUTE) {
      this.#unsaid++;
      return;
    }
    this.#logged++;
    this.logger.warn({ method, rule: refusal.rule }, 'the gateway refused a call');
  }
}

/** Temporal's types are reflected at run time, which their declarations do not show. */
const { methods } = proto.temporal.api.workflowservice.v1.WorkflowService as unknown as {
  methods: Record<string, unknown>;
};
const METHODS = Object.keys(methods);

/** Every method of Temporal's service, so that what is not allowed is refused by name and logged. */
const SERVICE: ServiceDefinition = Object.fromEntries(
  METHODS.map((method) => [
    method,
    {
      path: `/temporal.api.workflowservice.v1.WorkflowService/${method}`,
      requestStream: false,
      responseStream: false,
      requestSerialize: asIs,
      requestDeserialize: asIs,
      responseSerialize: (bytes: Uint8Array) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength),
      responseDeserialize: asIs,
    },
  ]),
);

function asIs(bytes: Buffer): Buffer {
  return bytes;
}

function implementation(
  serve: (method: string, call: UnaryCall) => Promise<Uint8Array>,
): Record<string, (call: UnaryCall, answer: sendUnaryData<Uint8Array>) => void> {
  return Object.fromEntries(
    METHODS.map((method) => [
      method,
      (call: UnaryCall, answer: sendUnaryData<Uint8Array>) => {
        serve(method, call).then(
          (response) => answer(null, response),
          (error: unknown) => answer(statusOf(error)),
        );
      },
    ]),
  );
}

/** Temporal's own status passes with its details; a fault of the gateway says nothing of its inside. */
function statusOf(error: unknown): Pick<ServiceError, 'code' | 'details' | 'metadata'> {
  if (error instanceof Refusal) return { code: error.code, details: error.message, metadata: new Metadata() };
  if (isServiceError(error)) return { code: error.code, details: error.details, metadata: error.metadata };
  return { code: status.INTERNAL, details: 'the gateway failed', metadata: new Metadata() };
}

function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && 'code' in error && 'details' in error && 'metadata' in error;
}
