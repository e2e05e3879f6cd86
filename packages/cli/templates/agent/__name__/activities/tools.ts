import { execFile, type ExecFileException } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, realpath, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { ApplicationFailure, cancellationSignal } from 'pegasus-workflows-sdk/activity';
import { heartbeating } from './heartbeating.js';

/** A result becomes part of every later turn, and of the history: more than this is cut off. */
const MOST_CHARACTERS = 20_000;
const COMMAND_MS = 5 * 60_000;

export async function listFiles({ path: folder }: { path: string }): Promise<string> {
  const entries = await readdir(await inWorkspace(folder), { withFileTypes: true });
  return clipped(
    entries
      .map((entry) => entry.name + (entry.isDirectory() ? '/' : ''))
      .sort()
      .join('\n'),
  );
}

export async function readTextFile({ path: file }: { path: string }): Promise<string> {
  return clipped(await readFile(await inWorkspace(file), 'utf8'));
}

/** Writing the same again changes nothing: a repeat needs no key. */
export async function writeTextFile({
  path: file,
  content,
}: {
  path: string;
  content: string;
}): Promise<string> {
  await writeFile(await inWorkspace(file), content);
  return `${file} written, ${content.length} characters`;
}

/** Runs a command at most once per key, and tells how it ended; a command that fails is a result like another. */
export async function runCommand({ command }: { command: string }, idempotencyKey: string): Promise<string> {
  return once(idempotencyKey, () => heartbeating(() => shell(command)));
}

async function shell(command: string): Promise<string> {
  const options = { cwd: await workspace(), timeout: COMMAND_MS, signal: cancellationSignal() };
  const { code, stdout, stderr } = await promisify(execFile)('sh', ['-c', command], options).then(
    (output) => ({ code: 0, ...output }),
    (error: ExecFileException) => {
      cancellationSignal().throwIfAborted();
      return error;
    },
  );
  return clipped(`exit code ${code ?? 'none, it was stopped'}\n${stdout ?? ''}${stderr ?? ''}`);
}

/**
 * Temporal asks again when a worker died, and cannot know how far it came. Neither can we; but a command that was begun
 * is not begun again, and the model is told what is known.
 */
async function once(idempotencyKey: string, work: () => Promise<string>): Promise<string> {
  const journal = path.join(await workspace(), '.agent');
  const file = path.join(journal, `${createHash('sha256').update(idempotencyKey).digest('hex')}.txt`);
  await mkdir(journal, { recursive: true });
  try {
    await writeFile(file, 'It was begun, and nobody knows how it ended.', { flag: 'wx' });
  } catch {
    return readFile(file, 'utf8');
  }
  const result = await work();
  await writeFile(file, result);
  return result;
}

/** The one folder that the tools may touch: `AGENT_WORKSPACE`, else `workspace` where the worker runs. */
async function workspace(): Promise<string> {
  const folder = path.resolve(process.env['AGENT_WORKSPACE'] ?? 'workspace');
  await mkdir(folder, { recursive: true });
  return realpath(folder);
}

/** A path inside of the workspace, links resolved. Anything else is refused: the model has read who knows what. */
async function inWorkspace(given: string): Promise<string> {
  const root = await workspace();
  const wanted = path.resolve(root, given);
  const parent = await realpath(path.dirname(wanted)).catch(() => path.dirname(wanted));
  const real = await realpath(wanted).catch(() => path.join(parent, path.basename(wanted)));
  if (real === root || real.startsWith(root + path.sep)) return real;
  throw ApplicationFailure.nonRetryable(`"${given}" is outside of the workspace`, 'OutsideWorkspace');
}

function clipped(text: string): string {
  return text.length <= MOST_CHARACTERS
    ? text
    : `${text.slice(0, MOST_CHARACTERS)}\n… ${text.length - MOST_CHARACTERS} more characters`;
}
