import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomic } from '@pegasus-workflows/kit/files';
import { z } from 'zod';
import { type Turn } from '../../engines/engine.js';

/**
 * Job: keeps a model's answer until the workflow has it, so that one that is there when this process ends is not asked,
 * and paid, for again.
 *
 * Boundary: one file for each task: its last answer. A question that was under way when the process ended is asked again.
 */
const turnSchema = z.object({
  text: z.string(),
  toolCalls: z.array(z.object({ id: z.string(), name: z.string(), arguments: z.string() })),
  usage: z.object({ in: z.number(), out: z.number() }),
  finish: z.enum(['stop', 'tool_calls', 'length']),
});
const keptSchema = z.object({ turn: z.number().int(), answer: turnSchema });

export class TurnKeeper {
  readonly #file: string;

  constructor(private readonly folder: string) {
    this.#file = join(folder, 'turn.json');
  }

  async find(turn: number): Promise<Turn | undefined> {
    try {
      const kept = keptSchema.parse(JSON.parse(await readFile(this.#file, 'utf8')));
      return kept.turn === turn ? kept.answer : undefined;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }

  async keep(turn: number, answer: Turn): Promise<void> {
    await mkdir(this.folder, { recursive: true, mode: 0o700 });
    await writeFileAtomic(this.#file, JSON.stringify({ turn, answer }), 0o600);
  }

  async clear(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }
}
