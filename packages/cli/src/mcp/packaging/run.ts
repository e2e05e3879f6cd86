/**
 * Job: packages a project in a process of its own and puts the finished artifacts into its `dist`.
 *
 * Boundary: a confined project folder in, zips below its `dist` out. What packaging checks and builds is the child's.
 *
 * Invariants
 * 1. A zip appears in `dist` whole or not at all: it is written in a staging folder there and moved by one rename.
 * 2. When the call ends, well, badly or cancelled, its process is gone and its staging folder removed.
 * 3. Nothing is moved after the call was cancelled.
 * 4. At most {@link AT_ONCE} projects are packaged at a time; the others wait, and can be cancelled while they do.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, rename, rm, rmdir } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { errorCodeSchema, PegasusError } from '@pegasus-workflows/contracts';
import type { ReportedError } from '../../output/report-error.js';
import { below } from '../paths/confine.js';
import {
  packagingMessageSchema,
  type PackagingFailure,
  type PackagingMessage,
  type PackagingOutcome,
} from './messages.js';
import { Turns } from './turns.js';

const CHILD = fileURLToPath(new URL('./child.js', import.meta.url));
const AT_ONCE = 2;
const turns = new Turns(AT_ONCE);

/** Bundling needs nothing else; no key may come to where an author's code is compiled. */
const ALLOWED_VARIABLES = ['PATH', 'HOME', 'TMPDIR', 'TEMP', 'TMP', 'LANG', 'SystemRoot', 'NODE_PATH'];

export interface Packaged {
  name: string;
  version: string;
  /** Absolute path. */
  zipPath: string;
  sizeBytes: number;
}

export interface PackagingResult {
  packaged: Packaged[];
  failures: ReportedError[];
  /** Diagrams that differ from their code, which publishing allows; a sentence, and a line for each difference. */
  warnings: { warning: string; problems: string[] }[];
}

export interface PackagingOptions {
  env: NodeJS.ProcessEnv;
  signal: AbortSignal;
  progress(done: number, total: number, message: string): void;
}

/**
 * @param folder of the project, absolute and real
 * @throws PegasusError when the project itself cannot be packaged, or the signal's reason when it was cancelled
 */
export async function packageInChild(folder: string, options: PackagingOptions): Promise<PackagingResult> {
  return turns.take(options.signal, async () => {
    const dist = await below(folder, 'dist');
    const home = dist ?? path.join(folder, 'dist');
    const staging = path.join(home, `.packaging-${randomUUID()}`);
    await mkdir(staging, { recursive: true });
    try {
      const outcomes = await runChild(folder, staging, options);
      options.signal.throwIfAborted();
      return await moveIntoPlace(outcomes, home);
    } finally {
      await rm(staging, { recursive: true, force: true });
      // A `dist` that this call made and put nothing in.
      if (dist === undefined) await rmdir(home).catch(() => undefined);
    }
  });
}

async function moveIntoPlace(outcomes: readonly PackagingOutcome[], home: string): Promise<PackagingResult> {
  const packaged: Packaged[] = [];
  const failures: ReportedError[] = [];
  const warnings: PackagingResult['warnings'] = [];
  for (const { name, version, zip, failure, differences } of outcomes) {
    if (differences.length > 0)
      warnings.push({
        warning: `The diagram of ${name} differs from the code; people approve runs by it.`,
        problems: differences,
      });
    if (zip) {
      const zipPath = path.join(home, path.basename(zip.file));
      await rename(zip.file, zipPath);
      packaged.push({ name, version, zipPath, sizeBytes: zip.sizeBytes });
    } else if (failure) {
      failures.push({ ...told(failure), error: `${name}@${version}: ${failure.error}` });
    }
  }
  return { packaged, failures, warnings };
}

async function runChild(
  folder: string,
  staging: string,
  { env, signal, progress }: PackagingOptions,
): Promise<PackagingOutcome[]> {
  const allowed = ALLOWED_VARIABLES.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]]));
  const child = fork(CHILD, [folder, staging], {
    cwd: folder,
    env: Object.fromEntries(allowed) as NodeJS.ProcessEnv,
    execArgv: [],
    // Standard output is the protocol's: what a bundler prints must never get there.
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
  const closed = ended(child);
  const kill = (): void => void child.kill('SIGKILL');
  signal.addEventListener('abort', kill, { once: true });
  if (signal.aborted) kill();
  let last: PackagingMessage | undefined;
  child.on('message', (message) => {
    const parsed = packagingMessageSchema.safeParse(message);
    if (parsed.data?.type === 'progress') progress(parsed.data.done, parsed.data.total, parsed.data.message);
    else last = parsed.data;
  });
  try {
    const how = await closed;
    signal.throwIfAborted();
    if (last?.type === 'outcomes') return last.outcomes;
    if (last?.type === 'failed') throw asError(last.failure);
    throw new PegasusError('INTERNAL_ERROR', `Packaging ended before it was done (${how}).`, {
      hint: 'Run `npx pegasus-workflows package` in the project; it shows what went wrong.',
    });
  } finally {
    signal.removeEventListener('abort', kill);
  }
}

/** How the process ended; also when it could not be started at all. */
async function ended(child: ChildProcess): Promise<string> {
  try {
    const [code, killedBy] = (await once(child, 'close')) as [number | null, string | null];
    return killedBy ?? `exit code ${code}`;
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : 'not started';
  }
}

function told({ error, code, problems, hint }: PackagingFailure): ReportedError {
  return { error, code, ...(problems ? { problems } : {}), ...(hint ? { hint } : {}) };
}

function asError(failure: PackagingFailure): Error {
  const { error, code, ...more } = told(failure);
  const known = errorCodeSchema.safeParse(code);
  return new PegasusError(known.data ?? 'INTERNAL_ERROR', error, more);
}
