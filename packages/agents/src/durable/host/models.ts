import { PegasusError } from '@pegasus-workflows/contracts';
import { type PriceTable } from '../../budgets/prices.js';
import { type Conversations, type Engine } from '../../engines/engine.js';

/** A model that a host has. Tokens. */
export interface HostModel {
  engine: Engine;
  /** Most of one answer. */
  answerTokens: number;
  /** Most that it takes. */
  contextTokens: number;
}

/** The models of a host, the first of which is taken where none is named. */
export class Models {
  constructor(
    private readonly models: readonly HostModel[],
    readonly prices: PriceTable,
  ) {}

  get names(): string[] {
    return this.models.map(({ engine }) => engine.model);
  }

  /** Whoever had it: nothing of the conversation is left when it resolves. */
  async endConversation(id: string): Promise<void> {
    await Promise.all(this.#conversations().map((one) => one.end(id)));
  }

  /** After the last turn. */
  async close(): Promise<void> {
    await Promise.all(this.#conversations().map((one) => one.endAll()));
  }

  /** Throws VALIDATION_ERROR for one that is not there. */
  get(name: string | null): HostModel {
    const found = name === null ? this.models[0] : this.models.find(({ engine }) => engine.model === name);
    if (found) return found;
    const there = this.names.join(', ') || 'none';
    throw new PegasusError(
      'VALIDATION_ERROR',
      name === null
        ? 'model: this host has no model.'
        : `model: this host has no ${JSON.stringify(name)}; it has ${there}.`,
    );
  }

  #conversations(): Conversations[] {
    return this.models.flatMap(({ engine }) => engine.conversations ?? []);
  }
}
