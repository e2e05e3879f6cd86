import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';

export interface Finished {
  status: number | null;
  stdout: string;
  stderr: string;
}

export interface ExecuteOptions {
  cwd: string;
  /** Default: this process's own. */
  env?: NodeJS.ProcessEnv;
}

/** Runs a program to its end, with nothing on its standard input. */
export async function execute(
  command: string,
  args: readonly string[],
  { cwd, env = process.env }: ExecuteOptions,
): Promise<Finished> {
  const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
  const [stdout, stderr, [status]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close') as Promise<[number | null]>,
  ]);
  return { status, stdout, stderr };
}

/** Its standard output. @throws Error with everything that it printed, when it ends with another status than 0 */
export async function succeed(
  command: string,
  args: readonly string[],
  options: ExecuteOptions,
): Promise<string> {
  const { status, stdout, stderr } = await execute(command, args, options);
  if (status === 0) return stdout;
  throw new Error(`${command} ${args.join(' ')} ended with ${status}\n${stdout}\n${stderr}`);
}
