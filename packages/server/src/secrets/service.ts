import {
  DEFAULT_GROUP,
  PegasusError,
  type Config,
  type NewConfig,
  type NewSecret,
  type PutConfig,
  type Secret,
} from '@pegasus-workflows/contracts';
import { type Services } from '../infra/context.js';
import { type Database } from '../infra/database.js';
import { secretPlace } from '../infra/sealed-tables.js';
import { type Vault } from '../infra/vault.js';
import {
  deleteValue,
  findValue,
  insertValue,
  listValues,
  upsertConfig,
  type StoredValueRow,
} from './store.js';

/**
 * Job: the secrets and configuration values of tenants: set, listed, read, deleted.
 *
 * Boundary: rows of `stored_values`; sealing is the vault's. Each method is one transaction of one tenant.
 *
 * Invariants
 * 1. A secret's value is sealed before the database, and so its log, sees it; it leaves only through `readSecret`.
 * 2. A secret that is set is not replaced: of two writers one is told CONFLICT.
 * 3. No message holds a value.
 */
export class StoredValues {
  readonly #db: Database;
  readonly #vault: Vault;
  readonly #clock: () => Date;

  constructor({ db, vault, clock }: Pick<Services, 'db' | 'vault' | 'clock'>) {
    this.#db = db;
    this.#vault = vault;
    this.#clock = clock;
  }

  async listSecrets(tenantId: string, group?: string): Promise<Secret[]> {
    return (await this.#db.tenant(tenantId, (tx) => listValues(tx, 'SECRET', group))).map(toSecret);
  }

  /** Throws CONFLICT when the secret is set (invariant 2). */
  async setSecret(tenantId: string, principalId: string, given: NewSecret): Promise<Secret> {
    const { key, group = DEFAULT_GROUP, description = null } = given;
    const { sealed, masterKeyId } = await this.#vault.seal(
      { tenantId, name: secretPlace(group, key) },
      given.value,
    );
    const now = this.#clock();
    const row = await this.#db.tenant(tenantId, (tx) =>
      insertValue(tx, {
        tenantId,
        kind: 'SECRET',
        group,
        key,
        description,
        value: sealed,
        masterKeyId,
        createdByUserId: principalId,
        createdAt: now,
        updatedAt: now,
      }),
    );
    if (row) return toSecret(row);
    throw new PegasusError(
      'CONFLICT',
      `The secret ${group}/${key} is set already, and secrets are write-once; delete it and set it again.`,
    );
  }

  /** Throws NOT_FOUND. */
  async deleteSecret(tenantId: string, group: string, key: string): Promise<void> {
    const name = { kind: 'SECRET', group, key } as const;
    if (await this.#db.tenant(tenantId, (tx) => deleteValue(tx, name))) return;
    throw missing('secret', group, key);
  }

  /** The plain value. Throws NOT_FOUND, and SERVICE_UNAVAILABLE when its master key is missing. */
  async readSecret(tenantId: string, group: string, key: string): Promise<string> {
    const row = await this.#db.tenant(tenantId, (tx) => findValue(tx, { kind: 'SECRET', group, key }));
    if (!row) throw missing('secret', group, key);
    return this.#vault.open({ tenantId, name: secretPlace(group, key) }, row.value);
  }

  async listConfigs(tenantId: string, group?: string): Promise<Config[]> {
    return (await this.#db.tenant(tenantId, (tx) => listValues(tx, 'CONFIG', group))).map(toConfig);
  }

  /** Throws CONFLICT when the key has a value. */
  async createConfig(tenantId: string, principalId: string, given: NewConfig): Promise<Config> {
    const { key, value, group = DEFAULT_GROUP, description = null } = given;
    const now = this.#clock();
    const common = { tenantId, kind: 'CONFIG', group, key, value, description } as const;
    const row = await this.#db.tenant(tenantId, (tx) =>
      insertValue(tx, { ...common, createdByUserId: principalId, createdAt: now, updatedAt: now }),
    );
    if (row) return toConfig(row);
    throw new PegasusError(
      'CONFLICT',
      `The configuration ${group}/${key} has a value already; replace it with PUT.`,
    );
  }

  /** Sets a configuration value, whether there was one or not. */
  async putConfig(
    tenantId: string,
    principalId: string,
    key: string,
    given: PutConfig,
  ): Promise<{ config: Config; isNew: boolean }> {
    const { value, group = DEFAULT_GROUP, description } = given;
    const values = {
      tenantId,
      kind: 'CONFIG',
      group,
      key,
      value,
      description,
      createdByUserId: principalId,
    } as const;
    const { row, isNew } = await this.#db.tenant(tenantId, (tx) => upsertConfig(tx, values, this.#clock()));
    return { config: toConfig(row), isNew };
  }

  /** Throws NOT_FOUND. */
  async deleteConfig(tenantId: string, group: string, key: string): Promise<void> {
    const name = { kind: 'CONFIG', group, key } as const;
    if (await this.#db.tenant(tenantId, (tx) => deleteValue(tx, name))) return;
    throw missing('configuration', group, key);
  }

  /** Throws NOT_FOUND. */
  async readConfig(tenantId: string, group: string, key: string): Promise<string> {
    const row = await this.#db.tenant(tenantId, (tx) => findValue(tx, { kind: 'CONFIG', group, key }));
    if (!row) throw missing('configuration', group, key);
    return row.value;
  }
}

function missing(what: string, group: string, key: string): PegasusError {
  return new PegasusError('NOT_FOUND', `There is no ${what} ${group}/${key}; set it first.`);
}

function metadataOf({ id, group, key, description, createdByUserId, createdAt, updatedAt }: StoredValueRow) {
  return {
    id,
    group,
    key,
    description,
    createdByUserId,
    createdAt: createdAt.toISOString(),
    updatedAt: updatedAt.toISOString(),
  };
}

function toSecret(row: StoredValueRow): Secret {
  return { ...metadataOf(row), isSecret: true };
}

function toConfig(row: StoredValueRow): Config {
  return { ...metadataOf(row), value: row.value, isSecret: false };
}
