import { type Logger } from '@pegasus-workflows/kit';
import { maskNumber } from './mask.js';
import { type OutgoingSms, type SmsOutcome, type SmsProvider } from './provider.js';

/**
 * Job: stands for a provider where no message shall leave: one line in the log, and the text for people to look at.
 *
 * Boundary: this process's memory; a restart forgets the texts.
 *
 * Invariants
 * 1. Neither a number nor a text is in the log.
 * 2. At most {@link KEPT} texts are kept, the last ones.
 */
const KEPT = 200;

export class LogProvider implements SmsProvider {
  readonly name = 'log';
  readonly #logger: Logger;
  readonly #texts = new Map<string, string>();

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  async send({ id, to, body }: OutgoingSms): Promise<SmsOutcome> {
    this.#texts.set(id, body);
    if (this.#texts.size > KEPT) this.#texts.delete(this.#texts.keys().next().value!);
    this.#logger.info(
      { smsId: id, to: maskNumber(to), characters: body.length },
      'an SMS was logged instead of sent',
    );
    return { kind: 'SENT', providerMessageId: `log-${id}` };
  }

  /** The text of a message that this provider was handed; undefined once it is forgotten. */
  textOf(id: string): string | undefined {
    return this.#texts.get(id);
  }
}
