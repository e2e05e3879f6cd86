import {
  dataOf,
  listOf,
  type PutSmsOptOutRequest,
  type PutSmsProviderRequest,
  type SendSmsRequest,
  type SmsMessage,
  type SmsMessagesQuery,
  type SmsOptOut,
  type SmsOptOutsQuery,
  type SmsProviderInfo,
  type SmsSent,
} from '@pegasus-workflows/contracts';
import type { CallOptions } from './options.js';
import { readSmsMessage, readSmsOptOut, readSmsProvider, readSmsSent } from './schemas.js';
import type { Transport } from './transport.js';

const SMS = '/api/v1/sms';
const PROVIDER = `${SMS}/provider`;
/** One attempt of sending: the server waits for its provider, and a repeat for the end of the first attempt. */
const SEND_TIMEOUT_MS = 60_000;

/** Text messages: sending them, who sends them, and who wants none. */
export class SmsApi {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /**
   * Sends a message. With a `dedupKey` it is sent once however often it is asked for, and lost connections are tried
   * again; without one, every call is a message. `status` UNKNOWN of a repeat: nobody can say whether it was sent.
   */
  async send(request: SendSmsRequest, options: CallOptions = {}): Promise<SmsSent> {
    const call = {
      method: 'POST',
      path: `${SMS}/send`,
      body: request,
      repeatable: request.dedupKey !== undefined,
    } as const;
    const patient = { timeoutMs: SEND_TIMEOUT_MS, ...options };
    return (await this.#transport.json(call, dataOf(readSmsSent), patient)).data;
  }

  /** One page of what was asked for, newest first. */
  async messages(query: SmsMessagesQuery = {}, options: CallOptions = {}): Promise<SmsMessage[]> {
    const call = { method: 'GET', path: withQuery(`${SMS}/messages`, query), repeatable: true } as const;
    return (await this.#transport.json(call, listOf(readSmsMessage), options)).data;
  }

  /** Who sends; its token is never answered. */
  async getProvider(options: CallOptions = {}): Promise<SmsProviderInfo> {
    const call = { method: 'GET', path: PROVIDER, repeatable: true } as const;
    return (await this.#transport.json(call, dataOf(readSmsProvider), options)).data;
  }

  /** Sets up or replaces the provider. Without `authToken` the one that is set stays, for the same account. */
  async putProvider(request: PutSmsProviderRequest, options: CallOptions = {}): Promise<SmsProviderInfo> {
    const call = { method: 'PUT', path: PROVIDER, body: request, repeatable: true } as const;
    return (await this.#transport.json(call, dataOf(readSmsProvider), options)).data;
  }

  async deleteProvider(options: CallOptions = {}): Promise<void> {
    await this.#transport.empty({ method: 'DELETE', path: PROVIDER, repeatable: false }, options);
  }

  /** One page of the numbers that want no messages, by number. */
  async optOuts(query: SmsOptOutsQuery = {}, options: CallOptions = {}): Promise<SmsOptOut[]> {
    const call = { method: 'GET', path: withQuery(`${SMS}/opt-outs`, query), repeatable: true } as const;
    return (await this.#transport.json(call, listOf(readSmsOptOut), options)).data;
  }

  /** Throws NOT_FOUND when the number has not opted out. */
  async getOptOut(number: string, options: CallOptions = {}): Promise<SmsOptOut> {
    const call = { method: 'GET', path: optOutPath(number), repeatable: true } as const;
    return (await this.#transport.json(call, dataOf(readSmsOptOut), options)).data;
  }

  /** No more messages to this number. */
  async optOut(
    number: string,
    request: PutSmsOptOutRequest = {},
    options: CallOptions = {},
  ): Promise<SmsOptOut> {
    const call = { method: 'PUT', path: optOutPath(number), body: request, repeatable: true } as const;
    return (await this.#transport.json(call, dataOf(readSmsOptOut), options)).data;
  }

  /** Lets a number have messages again. */
  async optIn(number: string, options: CallOptions = {}): Promise<void> {
    await this.#transport.empty({ method: 'DELETE', path: optOutPath(number), repeatable: false }, options);
  }
}

function optOutPath(number: string): string {
  return `${SMS}/opt-outs/${encodeURIComponent(number)}`;
}

function withQuery(path: string, query: object): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== undefined) search.set(name, String(value));
  return search.size > 0 ? `${path}?${search}` : path;
}
