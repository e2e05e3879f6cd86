import { Command, Option } from 'commander';
import { createContext, type Context, type GlobalOptions, type Surroundings } from '../context.js';

/** A commander program that remembers what its command answered. */
export class Program extends Command {
  exitCode = 0;

  constructor(
    name: string,
    private readonly surroundings: Surroundings,
  ) {
    super(name);
  }

  /** Wraps a command's work: gives it the context, keeps its exit code (nothing means 0). */
  running<A extends unknown[]>(
    work: (context: Context, ...args: A) => Promise<number | void>,
  ): (...args: A) => Promise<void> {
    return async (...args) => {
      const context = createContext(this.surroundings, this.opts<GlobalOptions>());
      this.exitCode = (await work(context, ...args)) ?? 0;
    };
  }
}

/** What names a workflow, the same in every command that takes one: `.argument(...WORKFLOW)`. */
export const WORKFLOW = ['<workflow>', 'name, name@version or id'] as const;

/** `-C`, the same in every command that is about a project. */
export const directory = (): Option =>
  new Option('-C, --dir <dir>', 'the project, when it is not this folder or above');

/** `--env`, the same in every command that takes a workflow's name. */
export const environment = (): Option =>
  new Option('--env <name>', 'which entry of deployments.toml says what the name means');

/** `--yes`, the same in every command that asks before it does what cannot be undone. */
export const yes = (): Option => new Option('--yes', 'do not ask');
