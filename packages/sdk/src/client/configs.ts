import { dataOf, listOf, type Config } from '@pegasus-workflows/contracts';
import { readConfig, readRuntimeValue } from './schemas.js';
import { storedPath, type StoredValueOptions } from './secrets.js';
import type { Transport } from './transport.js';

/** Configuration values of the tenant: text that is no secret. */
export class ConfigsApi {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** A value, for an activity; the manifest declares `ReadWorkflowConfig` and the key. */
  async get(key: string, { group, ...options }: StoredValueOptions = {}): Promise<string> {
    const path = storedPath('runtime/configs', key, group);
    const call = { method: 'GET', path, repeatable: true } as const;
    return (await this.#transport.json(call, dataOf(readRuntimeValue), options)).data.value;
  }

  /** By group and key, with the values. Without a group, those of all groups. */
  async list({ group, ...options }: StoredValueOptions = {}): Promise<Config[]> {
    const call = { method: 'GET', path: storedPath('configs', undefined, group), repeatable: true } as const;
    return (await this.#transport.json(call, listOf(readConfig), options)).data;
  }

  /** Sets or replaces a value. A description that is not given stays. */
  async set(
    key: string,
    value: string,
    { group, description, ...options }: StoredValueOptions & { description?: string | undefined } = {},
  ): Promise<Config> {
    const path = storedPath('configs', key, undefined);
    const call = { method: 'PUT', path, body: { value, group, description }, repeatable: true } as const;
    return (await this.#transport.json(call, dataOf(readConfig), options)).data;
  }

  async delete(key: string, { group, ...options }: StoredValueOptions = {}): Promise<void> {
    const path = storedPath('configs', key, group);
    await this.#transport.empty({ method: 'DELETE', path, repeatable: false }, options);
  }
}
