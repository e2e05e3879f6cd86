import {
  dataOf,
  listOf,
  type CreateIngressRequest,
  type Ingress,
  type IngressWithSecret,
  type RotateIngressRequest,
  type UpdateIngressRequest,
} from '@pegasus-workflows/contracts';
import type { CallOptions } from './options.js';
import { readIngress, readIngressWithSecret } from './schemas.js';
import type { Transport } from './transport.js';

const INTEGRATIONS = '/api/v1/integrations';

/** Where partners' webhooks come in: one ingress for each integration. */
export class IngressApi {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Every ingress of the tenant, by integration. */
  async list(options: CallOptions = {}): Promise<Ingress[]> {
    const call = { method: 'GET', path: `${INTEGRATIONS}/ingress`, repeatable: true } as const;
    return (await this.#transport.json(call, listOf(readIngress), options)).data;
  }

  async get(integrationId: string, options: CallOptions = {}): Promise<Ingress> {
    const call = { method: 'GET', path: pathOf(integrationId), repeatable: true } as const;
    return (await this.#transport.json(call, dataOf(readIngress), options)).data;
  }

  /** Opens an ingress. Keep `secret` of the answer: nothing shows it again. `null` when the request gave it. */
  async create(
    integrationId: string,
    request: CreateIngressRequest,
    options: CallOptions = {},
  ): Promise<IngressWithSecret> {
    const call = { method: 'POST', path: pathOf(integrationId), body: request, repeatable: false } as const;
    return (await this.#transport.json(call, dataOf(readIngressWithSecret), options)).data;
  }

  /** What is left out stays; `null` takes away. */
  async update(
    integrationId: string,
    request: UpdateIngressRequest,
    options: CallOptions = {},
  ): Promise<Ingress> {
    const call = { method: 'PATCH', path: pathOf(integrationId), body: request, repeatable: true } as const;
    return (await this.#transport.json(call, dataOf(readIngress), options)).data;
  }

  /** A new token or secret; the one before it works for `overlapSeconds` (default a day). */
  async rotate(
    integrationId: string,
    request: RotateIngressRequest = {},
    options: CallOptions = {},
  ): Promise<IngressWithSecret> {
    const path = `${pathOf(integrationId)}/rotate`;
    // Not repeated: a second rotation would take the overlap from the secret that is in use.
    const call = { method: 'POST', path, body: request, repeatable: false } as const;
    return (await this.#transport.json(call, dataOf(readIngressWithSecret), options)).data;
  }

  /** Closes an ingress: its URL is gone. */
  async delete(integrationId: string, options: CallOptions = {}): Promise<void> {
    await this.#transport.empty(
      { method: 'DELETE', path: pathOf(integrationId), repeatable: false },
      options,
    );
  }
}

function pathOf(integrationId: string): string {
  return `${INTEGRATIONS}/${encodeURIComponent(integrationId)}/ingress`;
}
