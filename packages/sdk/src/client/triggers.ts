import {
  dataOf,
  listOf,
  type Backfill,
  type BackfillRequest,
  type CreateTriggerRequest,
  type Execution,
  type TakeOverRequest,
  type Trigger,
  type UpdateTriggerRequest,
} from '@pegasus-workflows/contracts';
import type { CallOptions } from './options.js';
import { readBackfill, readExecution, readTrigger } from './schemas.js';
import type { Transport } from './transport.js';

/** What starts a workflow version by itself: events, and set times. */
export class TriggersApi {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Oldest first. */
  async list(workflowId: string, options: CallOptions = {}): Promise<Trigger[]> {
    const call = { method: 'GET', path: pathOf(workflowId), repeatable: true } as const;
    return (await this.#transport.json(call, listOf(readTrigger), options)).data;
  }

  async get(workflowId: string, triggerId: string, options: CallOptions = {}): Promise<Trigger> {
    return this.#trigger('GET', pathOf(workflowId, triggerId), undefined, options);
  }

  async create(
    workflowId: string,
    request: CreateTriggerRequest,
    options: CallOptions = {},
  ): Promise<Trigger> {
    return this.#trigger('POST', pathOf(workflowId), request, options);
  }

  /** What is left out stays; the kind never changes. */
  async update(
    workflowId: string,
    triggerId: string,
    request: UpdateTriggerRequest,
    options: CallOptions = {},
  ): Promise<Trigger> {
    return this.#trigger('PATCH', pathOf(workflowId, triggerId), request, options);
  }

  /** What it has started runs on. */
  async delete(workflowId: string, triggerId: string, options: CallOptions = {}): Promise<void> {
    const call = { method: 'DELETE', path: pathOf(workflowId, triggerId), repeatable: false } as const;
    await this.#transport.empty(call, options);
  }

  /** A schedule fires no more until it is resumed; what it misses meanwhile is not made up for. */
  async pause(
    workflowId: string,
    triggerId: string,
    options: CallOptions & { note?: string } = {},
  ): Promise<Trigger> {
    return this.#switch('pause', workflowId, triggerId, options);
  }

  async resume(
    workflowId: string,
    triggerId: string,
    options: CallOptions & { note?: string } = {},
  ): Promise<Trigger> {
    return this.#switch('resume', workflowId, triggerId, options);
  }

  /** Starts a schedule's run now; a CONFLICT while a prior one is open. */
  async run(workflowId: string, triggerId: string, options: CallOptions = {}): Promise<Execution> {
    const path = `${pathOf(workflowId, triggerId)}/run`;
    const call = { method: 'POST', path, repeatable: false } as const;
    return (await this.#transport.json(call, dataOf(readExecution), options)).data;
  }

  /** Runs a schedule's past ticks that had no run, one at a time. Repeated safely: a tick has one run. */
  async backfill(
    workflowId: string,
    triggerId: string,
    request: BackfillRequest,
    options: CallOptions = {},
  ): Promise<Backfill> {
    const path = `${pathOf(workflowId, triggerId)}/backfill`;
    const call = { method: 'POST', path, body: request, repeatable: true } as const;
    return (await this.#transport.json(call, dataOf(readBackfill), options)).data;
  }

  /** Moves the triggers of other versions of the same name to this one; resolves with the moved ones. */
  async takeOver(
    workflowId: string,
    request: TakeOverRequest = {},
    options: CallOptions = {},
  ): Promise<Trigger[]> {
    const path = `${pathOf(workflowId)}/take-over`;
    const call = { method: 'POST', path, body: request, repeatable: false } as const;
    return (await this.#transport.json(call, listOf(readTrigger), options)).data;
  }

  #switch(
    act: 'pause' | 'resume',
    workflowId: string,
    triggerId: string,
    { note, ...options }: CallOptions & { note?: string },
  ): Promise<Trigger> {
    const body = note === undefined ? {} : { note };
    return this.#trigger('POST', `${pathOf(workflowId, triggerId)}/${act}`, body, options);
  }

  async #trigger(
    method: 'GET' | 'POST' | 'PATCH',
    path: string,
    body: unknown,
    options: CallOptions,
  ): Promise<Trigger> {
    const call = { method, path, ...(body === undefined ? {} : { body }), repeatable: method === 'GET' };
    return (await this.#transport.json(call, dataOf(readTrigger), options)).data;
  }
}

function pathOf(workflowId: string, triggerId?: string): string {
  const all = `/api/v1/workflows/${encodeURIComponent(workflowId)}/triggers`;
  return triggerId === undefined ? all : `${all}/${encodeURIComponent(triggerId)}`;
}
