import { Readable } from 'node:stream';
import { Output, type TextStream } from './output/output.js';

/** Options that every command takes. */
export interface GlobalOptions {
  json?: boolean;
  token?: string;
  baseUrl?: string;
  profile?: string;
  color?: boolean;
}

/** Standard input, or what stands for it. */
export type InputStream = Readable & { isTTY?: boolean };

/** The world as a command sees it; tests hand in their own. */
export interface Surroundings {
  env: NodeJS.ProcessEnv;
  cwd: string;
  /** Default: one that is empty. */
  stdin?: InputStream;
  stdout: TextStream;
  stderr: TextStream;
}

/** What every command is given. */
export interface Context {
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  readonly stdin: InputStream;
  readonly options: GlobalOptions;
  readonly out: Output;
}

export function createContext(surroundings: Surroundings, options: GlobalOptions): Context {
  const { env, cwd, stdout, stderr } = surroundings;
  const out = new Output({ stdout, stderr, env, json: options.json ?? false, color: options.color ?? true });
  return {
    env,
    cwd,
    // Opened by whoever reads it.
    get stdin() {
      return surroundings.stdin ?? Readable.from([]);
    },
    options,
    out,
  };
}
