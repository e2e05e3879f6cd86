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

/** `--enable` and `--disable`, the same in every command that switches something on and off. */
export const enable = (): Option => new Option('--enable', 'switch it on').conflicts('disable');
export const disable = (): Option => new Option('--disable', 'switch it off').conflicts('enable');

/** `--out` and `--show-secret`, the same in every command that makes a secret. */
export const outFile = (): Option =>
  new Option('--out <file>', 'keep the secret in this new file, which only you can read');
export const showSecret = (): Option => new Option('--show-secret', 'print the secret');

/** `--overlap`, the same in every command that makes a secret in place of another. */
export const overlap = (): Option =>
  new Option('--overlap <time>', 'how long the one before it still works: 0, 90s, 2h, 3d (default: 1d)');
