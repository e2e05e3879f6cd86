import { AsyncLocalStorage } from 'node:async_hooks';

/**
 * Job: who is acting, for the audit log, wherever in the call tree a transaction is opened.
 *
 * Boundary: set once per request by `access/middleware.ts`; read by `database.ts`, which tells the database, whose
 * trigger `pegasus_audit` writes it beside every change of a configuration table, in the same transaction.
 *
 * Invariants
 * 1. What runs outside of {@link actAs} acts as the platform itself.
 * 2. Nothing secret is in an actor: ids, names of routes, an address.
 */
export interface Actor {
  kind: 'KEY' | 'EXECUTION';
  principalId: string | null;
  keyId: string | null;
  executionId: string | null;
  /** The action that the call needs; null where any key will do. */
  action: string | null;
  method: string;
  /** The route's pattern. */
  route: string;
  /** The address of the other end of the connection. */
  ip: string | null;
  correlationId: string;
}

const current = new AsyncLocalStorage<Actor>();

/** Runs `work` on behalf of somebody. */
export function actAs<T>(actor: Actor, work: () => T): T {
  return current.run(actor, work);
}

/** Who is acting; `undefined` is the platform itself. */
export function currentActor(): Actor | undefined {
  return current.getStore();
}
