import {
  batchCountSchema,
  batchSchema,
  dataOf,
  listOf,
  type Batch,
  type BatchFilter,
  type BatchOperation,
} from '@pegasus-workflows/contracts';
import { delay } from './backoff.js';
import { newIdempotencyKey } from './idempotency-key.js';
import type { CallOptions } from './options.js';
import type { Transport } from './transport.js';

const PATH = '/api/v1/executions/batches';
/** Between two looks at a batch, in milliseconds. */
const LOOK_MS = 1_000;

export interface BeginBatchOptions extends CallOptions {
  /** Of a termination: shown in the runs' histories. */
  reason?: string | undefined;
  /** Two calls with the same key are one batch. Default: a fresh key per call. */
  idempotencyKey?: string | undefined;
}

/** One operation on many executions, worked off by the platform. */
export class BatchesApi {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** How many executions the filter fits now. @throws PegasusApiError VALIDATION_ERROR */
  async count(operation: BatchOperation, filter: BatchFilter, options: CallOptions = {}): Promise<number> {
    const body = { filter, dryRun: true };
    const call = { method: 'POST', path: `${PATH}/${operation}`, body, repeatable: true } as const;
    return (await this.#transport.json(call, dataOf(batchCountSchema), options)).data.total;
  }

  /**
   * Begins to cancel, retry or terminate the executions that fit now; later ones are not of the batch.
   * @throws PegasusApiError VALIDATION_ERROR, also when too many fit
   */
  async begin(
    operation: BatchOperation,
    filter: BatchFilter,
    { reason, idempotencyKey = newIdempotencyKey(), ...options }: BeginBatchOptions = {},
  ): Promise<Batch> {
    const body = { filter, ...(reason === undefined ? {} : { reason }) };
    const path = `${PATH}/${operation}`;
    const call = { method: 'POST', path, body, repeatable: true, idempotencyKey } as const;
    return (await this.#transport.json(call, dataOf(batchSchema), options)).data;
  }

  /** How far it is. @throws PegasusApiError NOT_FOUND */
  async get(batchId: string, options: CallOptions = {}): Promise<Batch> {
    const call = { method: 'GET', path: pathOf(batchId), repeatable: true } as const;
    return (await this.#transport.json(call, dataOf(batchSchema), options)).data;
  }

  /** The newest ones, at most 50. */
  async list(options: CallOptions = {}): Promise<Batch[]> {
    const call = { method: 'GET', path: PATH, repeatable: true } as const;
    return (await this.#transport.json(call, listOf(batchSchema), options)).data;
  }

  /** Begins nothing more of it; what it has done stays done. @throws PegasusApiError NOT_FOUND */
  async stop(batchId: string, options: CallOptions = {}): Promise<Batch> {
    const call = { method: 'POST', path: `${pathOf(batchId)}/stop`, repeatable: true } as const;
    return (await this.#transport.json(call, dataOf(batchSchema), options)).data;
  }

  /** Resolves once it is over. `onProgress` is told of every look at it. */
  async wait(
    batchId: string,
    { onProgress, ...options }: CallOptions & { onProgress?: (batch: Batch) => void } = {},
  ): Promise<Batch> {
    for (;;) {
      const batch = await this.get(batchId, options);
      onProgress?.(batch);
      if (batch.state !== 'RUNNING') return batch;
      await delay(LOOK_MS, options.signal);
    }
  }
}

function pathOf(batchId: string): string {
  return `${PATH}/${encodeURIComponent(batchId)}`;
}
