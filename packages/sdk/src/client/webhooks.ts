import {
  dataOf,
  listOf,
  type CreateWebhookRequest,
  type DeliveriesQuery,
  type RotateWebhookSecretRequest,
  type UpdateWebhookRequest,
  type Webhook,
  type WebhookDelivery,
  type WebhookTest,
  type WebhookWithSecret,
} from '@pegasus-workflows/contracts';
import type { CallOptions } from './options.js';
import { readWebhook, readWebhookDelivery, readWebhookTest, readWebhookWithSecret } from './schemas.js';
import type { Transport } from './transport.js';

const WEBHOOKS = '/api/v1/webhooks';

/** Who is told how runs end. */
export class WebhooksApi {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Newest first. */
  async list(options: CallOptions = {}): Promise<Webhook[]> {
    const call = { method: 'GET', path: WEBHOOKS, repeatable: true } as const;
    return (await this.#transport.json(call, listOf(readWebhook), options)).data;
  }

  async get(webhookId: string, options: CallOptions = {}): Promise<Webhook> {
    const call = { method: 'GET', path: pathOf(webhookId), repeatable: true } as const;
    return (await this.#transport.json(call, dataOf(readWebhook), options)).data;
  }

  /** Keep `secret` of the answer, which deliveries are signed with: nothing shows it again. */
  async create(request: CreateWebhookRequest, options: CallOptions = {}): Promise<WebhookWithSecret> {
    const call = { method: 'POST', path: WEBHOOKS, body: request, repeatable: false } as const;
    return (await this.#transport.json(call, dataOf(readWebhookWithSecret), options)).data;
  }

  /** What is left out stays; `null` takes away. */
  async update(
    webhookId: string,
    request: UpdateWebhookRequest,
    options: CallOptions = {},
  ): Promise<Webhook> {
    const call = { method: 'PATCH', path: pathOf(webhookId), body: request, repeatable: true } as const;
    return (await this.#transport.json(call, dataOf(readWebhook), options)).data;
  }

  /** Deletes a webhook and what it has not delivered yet. */
  async delete(webhookId: string, options: CallOptions = {}): Promise<void> {
    await this.#transport.empty({ method: 'DELETE', path: pathOf(webhookId), repeatable: false }, options);
  }

  /** A new signing secret; deliveries carry both signatures for `overlapSeconds` (default a day). */
  async rotateSecret(
    webhookId: string,
    request: RotateWebhookSecretRequest = {},
    options: CallOptions = {},
  ): Promise<WebhookWithSecret> {
    const path = `${pathOf(webhookId)}/rotate-secret`;
    const call = { method: 'POST', path, body: request, repeatable: false } as const;
    return (await this.#transport.json(call, dataOf(readWebhookWithSecret), options)).data;
  }

  /** Calls the URL once with a signed test message, and says how that went. */
  async test(webhookId: string, options: CallOptions = {}): Promise<WebhookTest> {
    const call = { method: 'POST', path: `${pathOf(webhookId)}/test`, repeatable: false } as const;
    return (await this.#transport.json(call, dataOf(readWebhookTest), options)).data;
  }

  /** One page of what was told, newest first. */
  async deliveries(
    webhookId: string,
    query: DeliveriesQuery = {},
    options: CallOptions = {},
  ): Promise<WebhookDelivery[]> {
    const search = new URLSearchParams();
    for (const [name, value] of Object.entries(query))
      if (value !== undefined) search.set(name, String(value));
    const path = `${pathOf(webhookId)}/deliveries${search.size > 0 ? `?${search}` : ''}`;
    const call = { method: 'GET', path, repeatable: true } as const;
    return (await this.#transport.json(call, listOf(readWebhookDelivery), options)).data;
  }

  /** Delivers once more, under the same id, by which the receiver can tell it from a new one. */
  async redeliver(
    webhookId: string,
    deliveryId: string,
    options: CallOptions = {},
  ): Promise<WebhookDelivery> {
    const path = `${pathOf(webhookId)}/deliveries/${encodeURIComponent(deliveryId)}/redeliver`;
    const call = { method: 'POST', path, repeatable: false } as const;
    return (await this.#transport.json(call, dataOf(readWebhookDelivery), options)).data;
  }
}

function pathOf(webhookId: string): string {
  return `${WEBHOOKS}/${encodeURIComponent(webhookId)}`;
}
