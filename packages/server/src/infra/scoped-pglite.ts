import { AsyncLocalStorage } from 'node:async_hooks';
import {
  messages as backend,
  PGlite,
  protocol,
  type QueryOptions,
  type Results,
  type Transaction,
} from '@electric-sql/pglite';

/** Settings that hold for one transaction, by name: `{ role: 'pegasus_tenant', … }`. */
export type Scope = Readonly<Record<string, string>>;

/**
 * Job: makes transactions of the embedded database cheap. A statement is prepared when it is first seen and only
 * executed from then on, in one exchange with the database instead of six; the beginning of a transaction and its scope
 * go along with its first statement.
 *
 * Boundary: values are written and read by PGlite's own serializers and parsers; what drizzle sees is what PGlite's
 * `query` answers.
 *
 * Invariants
 * 1. A statement is prepared once per text, and at most {@link STATEMENTS} are kept; the one not used for longest goes.
 * 2. A statement that could not be prepared is not remembered.
 * 3. Exchanges of one transaction follow each other, also when its work asks for several at once.
 * 4. A transaction whose work or commit fails is rolled back, and is closed to whoever kept it.
 * 5. No statement is executed outside of the scope: when the beginning fails, the database skips what came with it.
 */
export class ScopedPglite extends PGlite {
  readonly #scope = new AsyncLocalStorage<Scope>();
  readonly #statements = new Map<string, Statement>();
  #prepared = 0;

  /** Runs `work`; a transaction that it opens has the settings of `scope`. */
  withScope<T>(scope: Scope, work: () => Promise<T>): Promise<T> {
    return this.#scope.run(scope, work);
  }

  override transaction<T>(work: (tx: Transaction) => Promise<T>): Promise<T> {
    const scope = this.#scope.getStore();
    if (scope === undefined) return super.transaction(work);
    return this._runExclusiveTransaction(async () => {
      const opened = this.#open(scope);
      try {
        const result = await work(opened.tx);
        if (!opened.hasBegun()) return result;
        await this.runExclusive(async () => this.#execute(await this.#statement('commit'), [], {}));
        // The one moment that counts: what was committed is kept.
        await this.syncToFs();
        return result;
      } catch (error) {
        if (opened.hasBegun()) await this.#rollBack();
        throw error;
      } finally {
        opened.end();
      }
    });
  }

  /** What the work of a transaction gets, until `end` is called. Drizzle asks by `query` alone. */
  #open(scope: Scope): { tx: Transaction; hasBegun: () => boolean; end: () => void } {
    let closed = false;
    let hasBegun = false;
    const unused = (): never => {
      throw new Error('a transaction with a scope answers queries, and nothing else');
    };
    const tx: Transaction = {
      query: async <T>(text: string, parameters: unknown[] = [], options: QueryOptions = {}) => {
        if (closed) throw new Error('the transaction is closed');
        return this.runExclusive(async () => {
          // Before the flag: what cannot be prepared has begun nothing.
          const statement = await this.#statement(text);
          const beginning = hasBegun ? [] : await this.#beginning(scope);
          hasBegun = true;
          return this.#execute<T>(statement, parameters, options, beginning);
        });
      },
      sql: unused,
      exec: unused,
      rollback: unused,
      listen: unused,
      get closed() {
        return closed;
      },
    };
    return { tx, hasBegun: () => hasBegun, end: () => void (closed = true) };
  }

  #rollBack(): Promise<unknown> {
    return this.runExclusive(() =>
      this.execProtocol(protocol.serialize.query('rollback'), { syncToFs: false }),
    );
  }

  /** The messages that begin a transaction and put the scope in force; nothing is exchanged but to prepare them. */
  async #beginning(scope: Scope): Promise<Uint8Array[]> {
    const settings = Object.entries(scope);
    const places = settings.map((_, n) => `set_config($${2 * n + 1}, $${2 * n + 2}, true)`);
    return [
      ...this.#calling(await this.#statement('begin'), [], {}),
      ...this.#calling(await this.#statement(`select ${places.join(', ')}`), settings.flat(), {}),
    ];
  }

  #calling({ name, parameterTypes }: Statement, parameters: unknown[], options: QueryOptions): Uint8Array[] {
    const values = parameters.map((value, n) => this.#serialized(value, parameterTypes[n]!, options));
    return [protocol.serialize.bind({ statement: name, values }), protocol.serialize.execute({})];
  }

  /** @param beginning of the transaction, sent along (invariant 5: one Sync, at the end) */
  async #execute<T>(
    statement: Statement,
    parameters: unknown[],
    options: QueryOptions,
    beginning: Uint8Array[] = [],
  ): Promise<Results<T>> {
    const { fields } = statement;
    const all = await this.#exchange([...beginning, ...this.#calling(statement, parameters, options)]);
    const answers = all.slice(all.lastIndexOf(backend.bindComplete) + 1);
    const parserOf = ({ dataTypeID }: Statement['fields'][number]) =>
      options.parsers?.[dataTypeID] ?? this.parsers[dataTypeID];
    const parsers = fields.map(parserOf);
    const read = (row: (string | null)[]): unknown => {
      const columns = row.map((value, n): unknown => {
        const parse = parsers[n];
        return value === null || !parse ? value : parse(value, fields[n]!.dataTypeID);
      });
      if (options.rowMode === 'array') return columns;
      return Object.fromEntries(columns.map((value, n) => [fields[n]!.name, value]));
    };
    const rows = answers.filter((answer) => answer instanceof backend.DataRowMessage);
    return {
      rows: rows.map((row) => read(row.fields) as T),
      fields: fields.map(({ name, dataTypeID }) => ({ name, dataTypeID })),
      affectedRows: answers.reduce((sum, answer) => sum + affectedBy(answer), 0),
    };
  }

  /** Invariants 1 and 2. */
  async #statement(text: string): Promise<Statement> {
    const known = this.#statements.get(text);
    if (known) {
      this.#statements.delete(text);
      this.#statements.set(text, known);
      return known;
    }
    const name = `s${(this.#prepared += 1)}`;
    const answers = await this.#exchange([
      protocol.serialize.parse({ name, text }),
      protocol.serialize.describe({ type: 'S', name }),
    ]);
    const statement: Statement = { name, parameterTypes: [], fields: [] };
    for (const answer of answers) {
      if (answer instanceof backend.ParameterDescriptionMessage)
        statement.parameterTypes = answer.dataTypeIDs;
      if (answer instanceof backend.RowDescriptionMessage) statement.fields = answer.fields;
    }
    this.#statements.set(text, statement);
    if (this.#statements.size > STATEMENTS) await this.#forgetOldest();
    return statement;
  }

  async #forgetOldest(): Promise<void> {
    const [text, { name }] = this.#statements.entries().next().value!;
    this.#statements.delete(text);
    await this.#exchange([protocol.serialize.close({ type: 'S', name })]);
  }

  #serialized(value: unknown, type: number, options: QueryOptions): string | null {
    if (value === null || value === undefined) return null;
    const serialize = options.serializers?.[type] ?? this.serializers[type];
    return serialize ? serialize(value) : String(value);
  }

  /** What the database answers to messages and a Sync. Rejects with its error. */
  async #exchange(requests: Uint8Array[]): Promise<object[]> {
    const bytes = Buffer.concat([...requests, protocol.serialize.sync()]);
    // The file system is told at the commit.
    return (await this.execProtocol(bytes, { syncToFs: false })).messages;
  }
}

interface Statement {
  name: string;
  parameterTypes: number[];
  fields: { name: string; dataTypeID: number }[];
}

/** More than the server has; those with lists of values are many. */
const STATEMENTS = 500;

const ROWS_AFFECTED = /^(?:INSERT \d+|UPDATE|DELETE|MERGE) (\d+)$/;

function affectedBy(answer: object): number {
  if (!(answer instanceof backend.CommandCompleteMessage)) return 0;
  return Number(ROWS_AFFECTED.exec(answer.text)?.[1] ?? 0);
}
