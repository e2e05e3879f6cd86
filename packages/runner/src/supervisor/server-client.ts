import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { type ReadableStream as NodeReadableStream } from 'node:stream/web';
import {
  blobPath,
  demandSchema,
  eagerLineSchema,
  payloadKeySetSchema,
  RUNNER_API_PREFIX,
  type AgentHost,
  type ClosedRuns,
  type Demand,
  type DispatchReport,
  type EagerLine,
  type EagerPollsRequest,
  type PayloadKeySet,
  type QuarantineReport,
  type RunnerLogBatch,
} from '@pegasus-workflows/contracts';

/** How much longer than the server's own wait a long poll may take before the connection counts as dead. */
const POLL_SLACK_MS = 10_000;
/** An artifact of 25 MiB over a slow link; a stalled download must not hold an artifact back for ever. */
const DOWNLOAD_TIMEOUT_MS = 120_000;
const KEYS_TIMEOUT_MS = 10_000;

/** A notice that takes longer is not worth more: the server finds the run by itself by then. */
const NOTICE_TIMEOUT_MS = 5_000;

const LOGS_TIMEOUT_MS = 15_000;
const REPORT_TIMEOUT_MS = 10_000;

/** The server answered, but not with what was asked for. */
export class ServerResponseError extends Error {
  constructor(
    what: string,
    readonly status: number,
  ) {
    super(
      status === 401 || status === 403
        ? `${what}: the server refused the runner token (${status}); give server and supervisor the same PEGASUS_RUNNER_TOKEN`
        : `${what}: the server answered ${status}`,
    );
    this.name = 'ServerResponseError';
  }

  /**
   * Whether the same again would be answered alike: it was no failure of the server, no runner token that is being
   * changed, no request that took too long, not too many at once.
   */
  get isFinal(): boolean {
    return this.status < 500 && ![401, 408, 429].includes(this.status);
  }
}

/** The supervisor's calls to the server's internal API. Stateless; every call throws on failure and never retries. */
export class ServerClient {
  constructor(
    private readonly baseUrl: string,
    private readonly token: string,
  ) {}

  /** All artifacts in demand: at once when the server's cursor differs from `cursor`, else after `waitSeconds`. */
  async demand(cursor: string | undefined, waitSeconds: number, signal: AbortSignal): Promise<Demand> {
    const query = new URLSearchParams({ waitSeconds: String(waitSeconds) });
    if (cursor !== undefined) query.set('cursor', cursor);
    const timeout = AbortSignal.timeout(waitSeconds * 1000 + POLL_SLACK_MS);
    const response = await this.#get(`/demand?${query.toString()}`, AbortSignal.any([signal, timeout]));
    if (!response.ok) {
      await response.body?.cancel();
      throw new ServerResponseError('demand', response.status);
    }
    return demandSchema.parse(await response.json());
  }

  /** Tells of runs that workers have just closed. */
  async closed(runs: ClosedRuns['runs'], signal: AbortSignal): Promise<void> {
    await this.#tell('closed runs', '/closed-runs', { runs } satisfies ClosedRuns, signal, NOTICE_TIMEOUT_MS);
  }

  /** First tasks of runs for these queues, until the server or the signal ends it. */
  async *eagerTasks(request: EagerPollsRequest, signal: AbortSignal): AsyncGenerator<EagerLine, void> {
    const response = await this.#post('/eager-tasks', request, signal);
    if (!response.ok || !response.body) {
      await response.body?.cancel();
      throw new ServerResponseError('first tasks', response.status);
    }
    const input = Readable.fromWeb(response.body as NodeReadableStream<Uint8Array>);
    for await (const line of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY }))
      yield eagerLineSchema.parse(JSON.parse(line));
  }

  /** What the tenant's worker encrypts and reads payloads with. */
  async payloadKeys(tenantId: string): Promise<PayloadKeySet> {
    const path = `/tenants/${encodeURIComponent(tenantId)}/payload-keys`;
    const response = await this.#get(path, AbortSignal.timeout(KEYS_TIMEOUT_MS));
    if (!response.ok) {
      await response.body?.cancel();
      throw new ServerResponseError('payload keys', response.status);
    }
    const parsed = payloadKeySetSchema.safeParse(await response.json());
    // What is wrong with it may be what must not be told.
    if (!parsed.success) throw new Error('payload keys: the server answered with something else');
    return parsed.data;
  }

  /** The bytes of an artifact's zip, unverified. */
  async artifact(tenantId: string, sha256: string): Promise<ReadableStream<Uint8Array>> {
    const path = `/artifacts/${encodeURIComponent(tenantId)}/${encodeURIComponent(sha256)}`;
    const response = await this.#get(path, AbortSignal.timeout(DOWNLOAD_TIMEOUT_MS));
    if (!response.ok || !response.body) {
      await response.body?.cancel();
      throw new ServerResponseError(`artifact ${sha256}`, response.status);
    }
    return response.body;
  }

  /** Where a tenant's large payload is put and had, for a call that is passed on as it comes. */
  blobTarget(tenantId: string, sha256: string): { url: URL; headers: Record<string, string> } {
    return {
      url: new URL(`${this.baseUrl}${blobPath(tenantId, sha256)}`),
      headers: { ...this.#authorization(), 'content-type': 'application/octet-stream' },
    };
  }

  /** Resolves when the batch is stored. */
  async logs(batch: RunnerLogBatch, signal: AbortSignal): Promise<void> {
    await this.#tell('execution logs', '/execution-logs', batch, signal, LOGS_TIMEOUT_MS);
  }

  /** Resolves when the report is stored. */
  async quarantine(report: QuarantineReport, signal: AbortSignal): Promise<void> {
    await this.#tell('quarantine', '/quarantines', report, signal, REPORT_TIMEOUT_MS);
  }

  /** What an agent host offers; to be told again at least every {@link AGENT_HOST_PING_MS}. */
  async agentHost(hostId: string, host: AgentHost, signal: AbortSignal): Promise<void> {
    const path = `/agents/hosts/${encodeURIComponent(hostId)}`;
    await this.#tell('agent host', path, host, signal, REPORT_TIMEOUT_MS, 'PUT');
  }

  /** What a dispatch has come to. */
  async dispatchReport(
    tenantId: string,
    dispatchId: string,
    report: DispatchReport,
    signal: AbortSignal,
  ): Promise<void> {
    const path = `/agents/dispatches/${encodeURIComponent(tenantId)}/${encodeURIComponent(dispatchId)}/report`;
    await this.#tell('dispatch', path, report, signal, REPORT_TIMEOUT_MS);
  }

  #authorization(): Record<string, string> {
    return { authorization: `Bearer ${this.token}` };
  }

  /** Resolves when the server has taken it in; `what` names it in the error. */
  async #tell(
    what: string,
    path: string,
    body: unknown,
    signal: AbortSignal,
    timeoutMs: number,
    method = 'POST',
  ): Promise<void> {
    const until = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
    const response = await this.#post(path, body, until, method);
    await response.body?.cancel();
    if (!response.ok) throw new ServerResponseError(what, response.status);
  }

  #post(path: string, body: unknown, signal: AbortSignal, method = 'POST'): Promise<Response> {
    const headers = { 'content-type': 'application/json' };
    return this.#fetch(path, { method, headers, body: JSON.stringify(body), signal });
  }

  #get(path: string, signal: AbortSignal): Promise<Response> {
    return this.#fetch(path, { signal });
  }

  #fetch(path: string, init: RequestInit): Promise<Response> {
    return fetch(`${this.baseUrl}${RUNNER_API_PREFIX}${path}`, {
      ...init,
      headers: { ...init.headers, ...this.#authorization() },
      // The token must not follow a redirect to another host.
      redirect: 'error',
    });
  }
}
