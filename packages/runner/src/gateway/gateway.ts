/**
 * Job: the only Temporal that a tenant worker knows: a gRPC service that makes the worker's own calls for it.
 *
 * Boundary: what may be asked is decided by `worker-calls.ts`; here are connections, streams and their limits. Calls and
 * deadlines pass through one to one; no call is repeated or answered from memory.
 *
 * Invariants
 * 1. A session belongs to one worker process. A call without its credential is refused before it is read.
 * 2. A poll that the worker gives up is given up towards Temporal too. Any other call that it gives up is not made, or
 *    goes on to its end (`upstream.ts`). One that outlives its deadline ends.
 * 3. Connections, streams, the rate of calls and how many are under way, header and message sizes of a session are bounded; the bound hits that session alone.
 * 4. After `close` a session serves nothing, and its connections are gone.
 * 5. A refusal is logged with its rule, at most {@link LOGGED_PER_MINUTE} a minute and session; the rest are counted.
 */
import { randomBytes, timingSafeEqual } from 'node:crypto';
import { type IncomingHttpHeaders } from 'node:http2';
import { type Socket } from 'node:net';
import { status } from '@grpc/grpc-js';
import { FairLimit, type Logger } from '@pegasus-workflows/kit';
import proto from '@temporalio/proto';
import { type TemporalTarget } from '../connection-options.js';
import { GATEWAY_CREDENTIAL_HEADER } from '../protocol.js';
import { CallRate } from './call-rate.js';
import { EagerPolls, EagerQueues } from './eager-polls.js';
import { type Seal } from './failures.js';
import { SERVICE_PATH } from './grpc.js';
import { Refusal } from './refusal.js';
import { type RunLimits } from './run-limits.js';
import { connectUpstream, type Upstream } from './upstream.js';
import { UnaryServer, type UnaryCall } from './unary-server.js';
import { WorkerCalls, type Forward } from './worker-calls.js';

const api = proto.temporal.api.workflowservice.v1;

export const LOGGED_PER_MINUTE = 20;
const GIVE_BACK_MS = 10_000;
/** The calls that wait at Temporal, and cost nothing there meanwhile. */
const POLLS: ReadonlySet<string> = new Set(['PollWorkflowTaskQueue', 'PollActivityTaskQueue']);
/** More than a worker with a hundred artifacts opens: ten pollers of each kind, and what completes. */
const MAX_STREAMS = 4_096;
/** Temporal's SDK opens one; a few more while it reconnects. */
const MAX_CONNECTIONS = 8;
/** More than Temporal takes, so that a result that is too large for it can be answered in words. */
const MAX_REQUEST_BYTES = 16 * 1024 * 1024;
const MAX_BYTES_UNDER_WAY = 64 * 1024 * 1024;

export interface SessionOptions {
  tenantId: string;
  /** Whether a queue's artifact is loaded, or being loaded, in the process. */
  ownsTaskQueue: (name: string) => boolean;
  seal?: Seal | undefined;
  onClosed: (workflowId: string, runId: string) => void;
  /** It goes on calling although it is refused: it must be ended. */
  onFlood: () => void;
  logger: Logger;
}

/** One worker process at the gateway. */
export interface GatewaySession {
  /** Where the worker finds Temporal, when that is not this session. */
  readonly address?: string;
  /** What the worker sends as {@link GATEWAY_CREDENTIAL_HEADER}. */
  readonly credential: string;
  /** The one in which all its calls are made. */
  readonly namespace: string;
  /** Whether this worker was given a task of the run, which is named as its author names it. */
  knows(workflowId: string, runId: string): boolean;
  /** Of whose tasks some were given to this worker and not answered. */
  readonly busyQueues: readonly string[];
  /** Serves a connection that the worker has opened. */
  accept(socket: Socket): void;
  /** The queue's artifact is no longer loaded. */
  unloaded(taskQueue: string): void;
  close(): void;
}

/** What stands between the workers of a supervisor and Temporal. */
export interface GatewayPort {
  /** Where first tasks are handed in of runs that the server has started. */
  readonly eager: EagerQueues;
  /** How many tenants' workers have called Temporal lately. */
  readonly tenantsAbout: number;
  /** Has a listener told when there is one more. */
  onTenant(listener: () => void): void;
  open(options: SessionOptions): GatewaySession;
  close(): void;
}

/** What each worker is held to. */
export interface SessionLimits extends RunLimits {
  callsPerSecond: number;
  /** Of one tenant's workers together, that are no polls. */
  callsAtOnce: number;
}

/** How many seconds' worth of calls may come at once. */
const BURST_SECONDS = 5;

/** Opens sessions towards one Temporal cluster. */
export class Gateway implements GatewayPort {
  readonly eager: EagerQueues;
  readonly #upstream: Upstream;
  /** Whose call is made next. */
  readonly #turns: FairLimit;
  #onTenant = (): void => undefined;

  constructor(
    private readonly target: TemporalTarget,
    private readonly limits: SessionLimits,
    private readonly logger: Logger,
  ) {
    this.#upstream = connectUpstream(target);
    this.#turns = new FairLimit({ width: Infinity, perKey: limits.callsAtOnce }, undefined, () =>
      this.#onTenant(),
    );
    this.eager = new EagerQueues((taskToken) => this.#giveBack(taskToken));
  }

  get tenantsAbout(): number {
    return this.#turns.about;
  }

  onTenant(listener: () => void): void {
    this.#onTenant = listener;
  }

  open(options: SessionOptions): GatewaySession {
    return new Session(this.target, this.limits, options, this.eager, this.#turns);
  }

  close(): void {
    this.#upstream.close();
  }

  /** Fails a task that nobody took, so that Temporal hands it out anew; it times out where that cannot be said. */
  #giveBack(taskToken: Uint8Array): void {
    const request = api.RespondWorkflowTaskFailedRequest.create({
      namespace: this.target.namespace,
      taskToken,
      identity: 'pegasus-gateway',
      failure: { message: 'the worker that was to take this task has gone', source: 'Pegasus' },
    });
    const bytes = api.RespondWorkflowTaskFailedRequest.encode(request).finish();
    this.#upstream
      .call('RespondWorkflowTaskFailed', bytes, { headers: {}, deadline: performance.now() + GIVE_BACK_MS })
      .catch((error: unknown) =>
        this.logger.warn({ err: error }, 'a workflow task could not be given back; it waits for its timeout'),
      );
  }
}

class Session implements GatewaySession {
  readonly credential = randomBytes(32).toString('base64url');
  readonly namespace: string;
  readonly #expected = Buffer.from(this.credential);
  readonly #upstream: Upstream;
  readonly #calls: WorkerCalls;
  readonly #rate: CallRate;
  readonly #server: UnaryServer;
  readonly #refusals: RefusalLog;
  readonly #eager: EagerPolls;

  constructor(
    target: TemporalTarget,
    limits: SessionLimits,
    options: SessionOptions,
    eager: EagerQueues,
    turns: FairLimit,
  ) {
    const { tenantId, ownsTaskQueue, seal, onClosed, onFlood, logger } = options;
    const { callsPerSecond: perSecond } = limits;
    const rate = { perSecond, burst: perSecond * BURST_SECONDS };
    this.#rate = new CallRate({ rate, inTurn: (call) => turns.run(tenantId, call) }, onFlood);
    this.namespace = target.namespace;
    this.#refusals = new RefusalLog(logger);
    this.#upstream = connectUpstream(target);
    this.#eager = new EagerPolls(eager);
    this.#calls = new WorkerCalls({
      tenantId,
      namespace: target.namespace,
      sessionId: randomBytes(12).toString('base64url'),
      ownsTaskQueue,
      seal,
      limits,
      rate: this.#rate,
      onClosed,
      eager: this.#eager,
    });
    this.#server = new UnaryServer({
      service: SERVICE_PATH,
      methods: METHODS,
      admit: (method, headers) => this.#admit(method, headers),
      serve: (call) => this.#serve(call),
      onConnectionError: (error) => logger.debug({ err: error }, 'a worker’s connection failed'),
      maxConnections: MAX_CONNECTIONS,
      maxStreams: MAX_STREAMS,
      maxRequestBytes: MAX_REQUEST_BYTES,
      maxBytesUnderWay: MAX_BYTES_UNDER_WAY,
    });
  }

  accept(socket: Socket): void {
    this.#server.accept(socket);
  }

  knows(workflowId: string, runId: string): boolean {
    return this.#calls.knows(workflowId, runId);
  }

  get busyQueues(): readonly string[] {
    return this.#calls.inFlight.keys;
  }

  unloaded(taskQueue: string): void {
    this.#eager.end(taskQueue);
  }

  close(): void {
    this.#server.close();
    this.#eager.close();
    this.#upstream.close();
  }

  async #serve(call: UnaryCall): Promise<Uint8Array> {
    try {
      const { method, request, headers, deadline } = call;
      const forward: Forward = (name, asked, life = call) => {
        if (!POLLS.has(name))
          return this.#rate.inTurn(life, () => this.#upstream.call(name, asked, { headers, deadline }));
        const whenAbandoned = (listener: () => void): void => life.whenAbandoned(listener);
        return this.#upstream.call(name, asked, { headers, deadline, whenAbandoned });
      };
      return await this.#calls.handle(method, request, forward, call);
    } catch (error) {
      if (error instanceof Refusal) this.#refusals.note(call.method, error);
      throw error;
    }
  }

  /** Invariants 1 and 3, before the request is read. */
  #admit(method: string, headers: IncomingHttpHeaders): void {
    try {
      this.#authenticate(headers);
      this.#rate.admit();
    } catch (error) {
      if (error instanceof Refusal) this.#refusals.note(method, error);
      throw error;
    }
  }

  #authenticate(headers: IncomingHttpHeaders): void {
    const given = headers[GATEWAY_CREDENTIAL_HEADER];
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
const { methods } = api.WorkflowService as unknown as {
  methods: Record<string, unknown>;
};
/** Every method of Temporal's service, so that what is not allowed is refused by name and logged. */
const METHODS: ReadonlySet<string> = new Set(Object.keys(methods));
