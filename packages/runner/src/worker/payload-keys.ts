import { payloadKey, type PayloadKey, type PayloadKeys } from '@pegasus-workflows/kit/payloads';
import { type PayloadKeySetMessage } from '../protocol.js';

/**
 * Job: the payload keys of this process's tenant.
 *
 * Boundary: asks the supervisor through `ask`; the codec is kit's.
 *
 * Invariants
 * 1. What is known is answered at once; only a key that is not is asked for, once for all who wait for it.
 * 2. Every answer replaces all that was known: a rotation is noticed with the first payload under the new key.
 */
export type AskForPayloadKeys = (keyId: string) => Promise<PayloadKeySetMessage | undefined>;

export class WorkerPayloadKeys implements PayloadKeys {
  readonly #ask: AskForPayloadKeys;
  readonly #asking = new Map<string, Promise<PayloadKey | undefined>>();
  #keys = new Map<string, PayloadKey>();
  #currentId: string | null = null;

  constructor(first: PayloadKeySetMessage, ask: AskForPayloadKeys) {
    this.#ask = ask;
    this.#take(first);
  }

  /** `undefined`: the platform does not encrypt. */
  current(): PayloadKey | undefined {
    return this.#keys.get(this.#currentId ?? '');
  }

  /** Rejects when the supervisor has no answer now. */
  find(id: string): PayloadKey | undefined | Promise<PayloadKey | undefined> {
    const known = this.#keys.get(id);
    if (known) return known;
    const underWay = this.#asking.get(id);
    if (underWay) return underWay;
    const asked = this.#fetch(id).finally(() => this.#asking.delete(id));
    this.#asking.set(id, asked);
    return asked;
  }

  async #fetch(id: string): Promise<PayloadKey | undefined> {
    const given = await this.#ask(id);
    if (!given) throw new Error(`the payload key ${JSON.stringify(id)} cannot be had now`);
    this.#take(given);
    return this.#keys.get(id);
  }

  #take({ currentId, keys }: PayloadKeySetMessage): void {
    this.#keys = new Map(
      keys.map(({ id, key }) => [id, this.#keys.get(id) ?? payloadKey(id, Buffer.from(key, 'base64'))]),
    );
    this.#currentId = currentId;
  }
}
