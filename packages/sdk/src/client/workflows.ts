import {
  dataOf,
  listOf,
  type Execution,
  type Log,
  type Manifest,
  type RequirementsSummary,
  type RunRequest,
  type UploadUrlRequest,
  type Workflow,
} from '@pegasus-workflows/contracts';
import { PegasusDecodeError } from './errors.js';
import { logSearch, type LogsQuery } from './executions.js';
import { newIdempotencyKey } from './idempotency-key.js';
import type { CallOptions } from './options.js';
import { finalizeWorkflow, publishWorkflow, type ArtifactBytes, type PublishRequest } from './publish.js';
import {
  readDownloadUrl,
  readExecution,
  readLog,
  readRequirementsSummary,
  readUploadUrl,
  readWorkflow,
} from './schemas.js';
import type { Transport } from './transport.js';

const WORKFLOWS = '/api/v1/workflows';
/** Default time limit of moving an artifact (at most 25 MiB), in milliseconds. */
const TRANSFER_TIMEOUT_MS = 300_000;

export interface RunOptions extends CallOptions {
  /** Two calls with the same key start one run. Default: a fresh key per call. */
  idempotencyKey?: string | undefined;
}

/** Where to PUT the artifact's bytes, and the id the workflow will have. */
export interface UploadTarget {
  workflowId: string;
  uploadUrl: string;
  expiresInSeconds: number;
}

/** Published versions: list, publish, fetch, fork, run. */
export class WorkflowsApi {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** The tenant's own workflows and the GLOBAL ones, newest first. */
  async list(options: CallOptions = {}): Promise<Workflow[]> {
    return (await this.#transport.json(get(WORKFLOWS), listOf(readWorkflow), options)).data;
  }

  async get(workflowId: string, options: CallOptions = {}): Promise<Workflow> {
    return (await this.#transport.json(get(pathOf(workflowId)), dataOf(readWorkflow), options)).data;
  }

  /** Reserves an id and a presigned URL for the upload. Repeated freely: an unused reservation is swept. */
  async requestUpload(request: UploadUrlRequest, options: CallOptions = {}): Promise<UploadTarget> {
    const call = {
      method: 'POST',
      path: `${WORKFLOWS}/upload-url`,
      body: request,
      repeatable: true,
    } as const;
    return (await this.#transport.json(call, dataOf(readUploadUrl), options)).data;
  }

  /** PUTs an artifact's bytes to the URL that {@link requestUpload} gave; sends no credentials there. */
  async upload(uploadUrl: string, artifact: ArtifactBytes, options: CallOptions = {}): Promise<void> {
    await this.#transport.presigned(
      uploadUrl,
      { method: 'PUT', path: 'upload of the artifact', repeatable: true },
      { headers: { 'Content-Type': 'application/zip' }, body: artifact },
      async (response) => void (await response.arrayBuffer()),
      { timeoutMs: TRANSFER_TIMEOUT_MS, ...options },
    );
  }

  /** Publishes what was uploaded. After a failure that leaves open whether it took effect, it looks before it asks again. */
  async finalize(
    request: { workflowId: string; manifest: Manifest },
    options: CallOptions = {},
  ): Promise<Workflow> {
    return finalizeWorkflow(this.#transport, this, request, options);
  }

  /** Upload-url, upload and finalize in one: a published workflow, or an error and nothing stored. */
  async publish(request: PublishRequest, options: CallOptions = {}): Promise<Workflow> {
    return publishWorkflow(this, request, options);
  }

  /** A presigned URL of the artifact; it works without credentials until it expires. */
  async downloadUrl(
    workflowId: string,
    options: CallOptions = {},
  ): Promise<{ downloadUrl: string; expiresInSeconds: number }> {
    const call = get(`${pathOf(workflowId)}/download-url`);
    return (await this.#transport.json(call, dataOf(readDownloadUrl), options)).data;
  }

  /** The artifact's bytes, compared with the sha256 that the workflow was published under. */
  async download(workflowId: string, options: CallOptions = {}): Promise<Uint8Array<ArrayBuffer>> {
    const [workflow, { downloadUrl }] = await Promise.all([
      this.get(workflowId, options),
      this.downloadUrl(workflowId, options),
    ]);
    const bytes = await this.#transport.presigned(
      downloadUrl,
      { method: 'GET', path: 'download of the artifact', repeatable: true },
      {},
      async (response) => new Uint8Array(await response.arrayBuffer()),
      { timeoutMs: TRANSFER_TIMEOUT_MS, ...options },
    );
    await checkSha256(bytes, workflow);
    return bytes;
  }

  /** Copies a GLOBAL workflow into the caller's tenant. */
  async fork(workflowId: string, options: CallOptions = {}): Promise<Workflow> {
    const call = { method: 'POST', path: `${pathOf(workflowId)}/fork`, repeatable: false } as const;
    return (await this.#transport.json(call, dataOf(readWorkflow), options)).data;
  }

  /** Lets a version run again that was quarantined because its worker crashed; its open runs go on. */
  async release(workflowId: string, options: CallOptions = {}): Promise<Workflow> {
    const call = { method: 'POST', path: `${pathOf(workflowId)}/release`, repeatable: true } as const;
    return (await this.#transport.json(call, dataOf(readWorkflow), options)).data;
  }

  /**
   * Retires a version: it starts nothing any more, its triggers are gone, no list shows it; its executions stay. A
   * CONFLICT while executions are open, unless `force` leaves them to end by themselves.
   */
  async retire(workflowId: string, options: CallOptions & { force?: boolean } = {}): Promise<void> {
    const { force, ...rest } = options;
    const path = `${pathOf(workflowId)}${force ? '?force=true' : ''}`;
    await this.#transport.empty({ method: 'DELETE', path, repeatable: true }, rest);
  }

  /** Starts a run. Repeated safely: the `Idempotency-Key` makes every repeat answer with the first one's execution. */
  async run(workflowId: string, request: RunRequest = {}, options: RunOptions = {}): Promise<Execution> {
    const call = {
      method: 'POST',
      path: `${pathOf(workflowId)}/run`,
      body: request,
      repeatable: true,
      idempotencyKey: options.idempotencyKey ?? newIdempotencyKey(),
    } as const;
    return (await this.#transport.json(call, dataOf(readExecution), options)).data;
  }

  /**
   * One page of what the worker of a version has printed outside of any execution, oldest first: while its modules loaded,
   * or after an activity had ended. Why a version could not be loaded stands here.
   */
  async logs(
    workflowId: string,
    query: Omit<LogsQuery, 'step'> = {},
    options: CallOptions = {},
  ): Promise<Log[]> {
    const path = `${pathOf(workflowId)}/logs${logSearch(query)}`;
    return (await this.#transport.json(get(path), listOf(readLog), options)).data;
  }

  /** The secrets and configuration values that each workflow needs, and which of them are set. */
  async requirementsSummary(options: CallOptions = {}): Promise<RequirementsSummary> {
    const call = get(`${WORKFLOWS}/requirements-summary`);
    return (await this.#transport.json(call, dataOf(readRequirementsSummary), options)).data;
  }
}

function get(path: string) {
  return { method: 'GET', path, repeatable: true } as const;
}
function pathOf(workflowId: string): string {
  return `${WORKFLOWS}/${encodeURIComponent(workflowId)}`;
}

async function checkSha256(bytes: Uint8Array<ArrayBuffer>, workflow: Workflow): Promise<void> {
  // Browsers offer `subtle` on https and localhost only; there the transport itself is trusted.
  if (typeof crypto.subtle === 'undefined') return;
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  const sha256 = Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
  if (sha256 !== workflow.artifactSha256)
    throw new PegasusDecodeError(
      `The artifact of ${workflow.name}@${workflow.version} does not match its artifactSha256: it was damaged on the way or altered.`,
      { field: 'artifactSha256' },
    );
}
