import { randomBytes } from 'node:crypto';
import { PegasusError, type PayloadKeyInfo, type PayloadKeySet } from '@pegasus-workflows/contracts';
import { failpoint, type Logger } from '@pegasus-workflows/kit';
import {
  PAYLOAD_KEY_BYTES,
  payloadKey,
  type PayloadKey,
  type PayloadKeys,
} from '@pegasus-workflows/kit/payloads';
import { sql } from 'drizzle-orm';
import { type Database } from '../infra/database.js';
import { errorForLog } from '../infra/error-log.js';
import { payloadKeyPlace } from '../infra/sealed-tables.js';
import { type Vault } from '../infra/vault.js';
import { insertFirst, insertNext, listRows, retireCurrent, type PayloadKeyRow } from './store.js';

/**
 * Job: the data keys of all tenants, in memory once they were needed: which one encrypts, and every one that reads.
 *
 * Boundary: rows of `payload_keys`, each of which holds a key wrapped by the vault. Who encrypts what is the codec's.
 *
 * Invariants
 * 1. A tenant has one current key from its first need on, however many servers need it first at once.
 * 2. A rotation is one transaction: before it the old key is current, after it the new one; both read for ever.
 * 3. Who has needed a tenant's keys before waits for nothing, and encrypts with a key that was current at most
 *    {@link REFRESH_MS} and a query ago.
 * 4. A key that another server has made meanwhile is found when something is encrypted with it.
 * 5. A tenant's keys are told to nobody but its own calls, the supervisor and the codec; a message has their ids.
 */
export interface KeyringParts {
  db: Database;
  vault: Vault;
  logger: Logger;
  clock: () => Date;
  /** Whether new payloads are encrypted. */
  encrypts: boolean;
}

interface Ring {
  rows: PayloadKeyRow[];
  keys: ReadonlyMap<string, PayloadKey>;
  /** Why a key cannot be had, such as a missing master key; it is tried again. */
  unreadable: ReadonlyMap<string, unknown>;
  current: PayloadKeyRow | undefined;
  /** `performance.now()`. */
  loadedAt: number;
}

export const REFRESH_MS = 10_000;
/** Between two tries of a key whose master key is missing. */
const RETRY_MS = 2_000;
/** Tenants in memory. */
const CAPACITY = 10_000;
/** Ids of keys that a tenant does not have, which are not asked for twice. */
const UNKNOWN_MAX = 10_000;
const ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export class PayloadKeyring {
  readonly #parts: KeyringParts;
  readonly #rings = new Map<string, Ring>();
  readonly #loading = new Map<string, Promise<Ring>>();
  readonly #unknown = new Set<string>();

  constructor(parts: KeyringParts) {
    this.#parts = parts;
  }

  /** One tenant's keys, for its codec. Rejects with what the vault or the database says when they cannot be had now. */
  of(tenantId: string): PayloadKeys {
    return {
      current: () => this.#current(tenantId),
      find: (id) => this.#rings.get(tenantId)?.keys.get(id) ?? this.#find(tenantId, id),
    };
  }

  /** All that a tenant's worker needs; makes the first key. A key that cannot be had now is left out. */
  async setOf(tenantId: string): Promise<PayloadKeySet> {
    const ring = await this.#load(tenantId);
    if (this.#parts.encrypts) usable(ring);
    return {
      currentId: this.#parts.encrypts ? (ring.current?.id ?? null) : null,
      keys: [...ring.keys.values()].map(({ id, key }) => ({ id, key: key.export().toString('base64') })),
    };
  }

  /** What is told of a tenant's keys, the current one first. */
  async list(tenantId: string): Promise<PayloadKeyInfo[]> {
    const rows = await this.#parts.db.tenant(tenantId, (tx) => listRows(tx, tenantId));
    return rows.map(infoOf);
  }

  /** Makes a new current key (invariant 2). */
  async rotate(tenantId: string, principalId: string): Promise<PayloadKeyInfo> {
    const row = { ...(await this.#newRow(tenantId)), createdByUserId: principalId };
    const now = this.#parts.clock();
    await this.#parts.db.tenant(tenantId, async (tx) => {
      // One rotation after another, or the later one would find nothing to retire and two current keys.
      await tx.execute(sql`select pg_advisory_xact_lock(hashtextextended(${`payload-keys/${tenantId}`}, 0))`);
      await retireCurrent(tx, tenantId, now);
      failpoint('payload-key.retired');
      await insertNext(tx, { ...row, createdAt: now });
    });
    failpoint('payload-key.rotated');
    // A look that began before the commit does not know it.
    await this.#loading.get(tenantId)?.catch(() => undefined);
    await this.#load(tenantId);
    return infoOf({ ...row, createdAt: now, retiredAt: null });
  }

  async #current(tenantId: string): Promise<PayloadKey | undefined> {
    if (!this.#parts.encrypts) return undefined;
    const ring = this.#rings.get(tenantId);
    const key = ring?.current && ring.keys.get(ring.current.id);
    if (!ring || !key) return usable(await this.#load(tenantId));
    if (performance.now() - ring.loadedAt > REFRESH_MS) {
      // The present key still encrypts; nobody waits (invariant 3).
      this.#load(tenantId).catch((error: unknown) =>
        this.#parts.logger.warn(
          { tenantId, error: errorForLog(error) },
          'payload keys could not be read again',
        ),
      );
    }
    return key;
  }

  async #find(tenantId: string, id: string): Promise<PayloadKey | undefined> {
    const unknown = `${tenantId}/${id}`;
    if (!ID.test(id) || this.#unknown.has(unknown)) return undefined;
    const before = this.#rings.get(tenantId);
    const isDue = !before?.unreadable.has(id) || performance.now() - before.loadedAt > RETRY_MS;
    const ring = isDue ? await this.#load(tenantId) : before!;
    const key = ring.keys.get(id);
    if (key) return key;
    if (ring.unreadable.has(id)) throw ring.unreadable.get(id);
    // An id is never given later to what was encrypted before its key was committed.
    this.#unknown.add(unknown);
    if (this.#unknown.size > UNKNOWN_MAX) this.#unknown.delete(this.#unknown.values().next().value!);
    return undefined;
  }

  /** Reads the tenant's keys; those who ask meanwhile share the answer. */
  #load(tenantId: string): Promise<Ring> {
    const underWay = this.#loading.get(tenantId);
    if (underWay) return underWay;
    const loading = this.#read(tenantId).finally(() => this.#loading.delete(tenantId));
    this.#loading.set(tenantId, loading);
    return loading;
  }

  async #read(tenantId: string): Promise<Ring> {
    const { db, vault } = this.#parts;
    const loadedAt = performance.now();
    let rows = await db.tenant(tenantId, (tx) => listRows(tx, tenantId));
    if (this.#parts.encrypts && !rows.some(isCurrent)) rows = await this.#makeFirst(tenantId);
    const known = this.#rings.get(tenantId);
    const keys = new Map<string, PayloadKey>();
    const unreadable = new Map<string, unknown>();
    for (const { id, wrappedKey } of rows) {
      try {
        const place = { tenantId, name: payloadKeyPlace(id) };
        const key =
          known?.keys.get(id) ?? payloadKey(id, Buffer.from(await vault.open(place, wrappedKey), 'base64'));
        keys.set(id, key);
      } catch (error) {
        unreadable.set(id, error);
      }
    }
    const ring = { rows, keys, unreadable, current: rows.find(isCurrent), loadedAt };
    this.#rings.delete(tenantId);
    this.#rings.set(tenantId, ring);
    if (this.#rings.size > CAPACITY) this.#rings.delete(this.#rings.keys().next().value!);
    return ring;
  }

  /** Invariant 1: whoever is second finds the first one's. */
  async #makeFirst(tenantId: string): Promise<PayloadKeyRow[]> {
    const row = await this.#newRow(tenantId);
    failpoint('payload-key.before-insert');
    const rows = await this.#parts.db.tenant(tenantId, async (tx) => {
      await insertFirst(tx, { ...row, createdAt: this.#parts.clock() });
      return listRows(tx, tenantId);
    });
    failpoint('payload-key.inserted');
    return rows;
  }

  async #newRow(tenantId: string) {
    const id = crypto.randomUUID();
    const { sealed, masterKeyId } = await this.#parts.vault.seal(
      { tenantId, name: payloadKeyPlace(id) },
      randomBytes(PAYLOAD_KEY_BYTES).toString('base64'),
    );
    return { id, tenantId, wrappedKey: sealed, masterKeyId, createdByUserId: null as string | null };
  }
}

const isCurrent = ({ retiredAt }: PayloadKeyRow): boolean => retiredAt === null;

/** The current key; throws why it cannot be had. */
function usable({ current, keys, unreadable }: Ring): PayloadKey {
  const key = keys.get(current?.id ?? '');
  if (key) return key;
  throw (
    unreadable.get(current?.id ?? '') ??
    new PegasusError('INTERNAL_ERROR', 'The tenant has no current payload key.')
  );
}

function infoOf(
  row: Pick<PayloadKeyRow, 'id' | 'createdByUserId' | 'createdAt' | 'retiredAt'>,
): PayloadKeyInfo {
  return {
    id: row.id,
    current: row.retiredAt === null,
    createdByUserId: row.createdByUserId,
    createdAt: row.createdAt.toISOString(),
    retiredAt: row.retiredAt?.toISOString() ?? null,
  };
}
