import { type Message } from '../../engines/engine.js';
import { type ModelInput } from '../protocol.js';

/**
 * Job: what the models of the dispatches here were told so far, so that each message comes from the workflow once.
 *
 * Boundary: memory alone. What is lost with this process, or has made room for others, the workflow sends again.
 */
interface Transcript {
  generation: number;
  messages: readonly Message[];
  tools: readonly object[];
}

/** Dispatches whose messages are kept. */
const CAPACITY = 100;

export class Transcripts {
  readonly #kept = new Map<string, Transcript>();

  /** `undefined`: the messages before are not here. */
  joined(
    key: string,
    { transcript: { generation, from, messages }, tools }: Pick<ModelInput, 'transcript' | 'tools'>,
  ): Transcript | undefined {
    const known = this.#kept.get(key);
    const before = from === 0 ? [] : known?.generation === generation ? known.messages : undefined;
    const offered = tools === 'as before' ? known?.tools : tools;
    // One that was told more than that has been asked this very question before.
    if (!before || before.length < from || !offered) return undefined;
    const whole = { generation, messages: [...before.slice(0, from), ...messages], tools: offered };
    this.#kept.delete(key);
    this.#kept.set(key, whole);
    if (this.#kept.size > CAPACITY) this.#kept.delete(this.#kept.keys().next().value!);
    return whole;
  }

  forget(key: string): void {
    this.#kept.delete(key);
  }
}
