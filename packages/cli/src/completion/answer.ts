import { type Command } from 'commander';
import { type Surroundings } from '../context.js';
import { EXIT } from '../exit-codes.js';
import { complete } from './complete.js';

/** Answers a completion script, in the lines that `scripts.ts` describes. */
export async function answer(program: Command, words: string[], surroundings: Surroundings): Promise<number> {
  const { candidates, rest } = await complete(program, words, surroundings);
  const lines = candidates.map(({ text, about }) => (about ? `${text}\t${about}` : text));
  surroundings.stdout.write(`${[...lines, `:${rest}`].join('\n')}\n`);
  return EXIT.done;
}
