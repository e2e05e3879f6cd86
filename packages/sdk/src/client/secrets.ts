import {
  dataOf,
  listOf,
  type MasterKeys,
  type PayloadKeyInfo,
  type Secret,
} from '@pegasus-workflows/contracts';
import type { CallOptions } from './options.js';
import { readMasterKeys, readPayloadKey, readRuntimeValue, readSecret } from './schemas.js';
import type { Transport } from './transport.js';

/** Below which secrets and configuration values are. */
const STORED_VALUES = '/api/v1/workflow-secrets-configs';

export interface StoredValueOptions extends CallOptions {
  /** Default `global`. */
  group?: string | undefined;
}

/** Secrets of the tenant. People set them and never see them again; running workflows read them. */
export class SecretsApi {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /**
   * The plain value, for an activity; the manifest declares `ReadWorkflowSecret` and the key. Read it where it is
   * used: what an activity returns, and what a workflow is given, is kept in the run's history.
   */
  async get(key: string, { group, ...options }: StoredValueOptions = {}): Promise<string> {
    const path = storedPath('runtime/secrets', key, group);
    const call = { method: 'GET', path, repeatable: true } as const;
    return (await this.#transport.json(call, dataOf(readRuntimeValue), options)).data.value;
  }

  /** Which secrets are set, by group and key. Without a group, those of all groups. */
  async list({ group, ...options }: StoredValueOptions = {}): Promise<Secret[]> {
    const call = { method: 'GET', path: storedPath('secrets', undefined, group), repeatable: true } as const;
    return (await this.#transport.json(call, listOf(readSecret), options)).data;
  }

  /** Sets a secret, once: CONFLICT when it is set. To change it, delete it and set it again. */
  async set(
    key: string,
    value: string,
    { group, description, ...options }: StoredValueOptions & { description?: string | undefined } = {},
  ): Promise<Secret> {
    const body = { key, value, group, description };
    // Not repeated: after a lost answer the repeat would be told that the secret is set.
    const call = { method: 'POST', path: `${STORED_VALUES}/secrets`, body, repeatable: false } as const;
    return (await this.#transport.json(call, dataOf(readSecret), options)).data;
  }

  async delete(key: string, { group, ...options }: StoredValueOptions = {}): Promise<void> {
    const path = storedPath('secrets', key, group);
    await this.#transport.empty({ method: 'DELETE', path, repeatable: false }, options);
  }

  /** For the platform tenant: which master keys there are, and how many sealed values need each. Never a key. */
  async masterKeys(options: CallOptions = {}): Promise<MasterKeys> {
    const call = { method: 'GET', path: '/api/v1/master-keys', repeatable: true } as const;
    return (await this.#transport.json(call, dataOf(readMasterKeys), options)).data;
  }

  /** The keys that the tenant's payloads in Temporal are encrypted with, the current one first. Never a key. */
  async payloadKeys(options: CallOptions = {}): Promise<PayloadKeyInfo[]> {
    const call = { method: 'GET', path: '/api/v1/payload-keys', repeatable: true } as const;
    return (await this.#transport.json(call, listOf(readPayloadKey), options)).data;
  }

  /** Makes a new current payload key; what is encrypted with the others stays readable. */
  async rotatePayloadKey(options: CallOptions = {}): Promise<PayloadKeyInfo> {
    // Not repeated: each call makes a key.
    const call = { method: 'POST', path: '/api/v1/payload-keys/rotate', repeatable: false } as const;
    return (await this.#transport.json(call, dataOf(readPayloadKey), options)).data;
  }
}

/** A list, or with a key one value of it. */
export function storedPath(kind: string, key: string | undefined, group: string | undefined): string {
  const path = `${STORED_VALUES}/${kind}${key === undefined ? '' : `/${encodeURIComponent(key)}`}`;
  return group === undefined ? path : `${path}?${new URLSearchParams({ group }).toString()}`;
}
