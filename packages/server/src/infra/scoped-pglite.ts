import { AsyncLocalStorage } from 'node:async_hooks';
import { PGlite, type Transaction } from '@electric-sql/pglite';

/**
 * PGlite whose transactions begin with a given SQL text. It goes the simple way, without being prepared and described
 * first, which takes a third of the time of a query through drizzle; every request pays it at least twice.
 */
export class ScopedPglite extends PGlite {
  readonly #scope = new AsyncLocalStorage<string>();

  /** Runs `work`; a transaction that it opens begins with `scope`. */
  withScope<T>(scope: string, work: () => Promise<T>): Promise<T> {
    return this.#scope.run(scope, work);
  }

  override transaction<T>(work: (tx: Transaction) => Promise<T>): Promise<T> {
    const scope = this.#scope.getStore();
    return super.transaction(async (tx) => {
      if (scope !== undefined) await tx.exec(scope);
      return work(tx);
    });
  }
}
