import { randomUUID } from 'node:crypto';
import { mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';

/** Where test servers are kept between runs: `$XDG_CACHE_HOME/pegasus/test-server`, else below `~/.cache`. */
export function testServerCache(env: NodeJS.ProcessEnv = process.env): string {
  return join(env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'pegasus', 'test-server');
}

export async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

/**
 * Makes `directory` by `fill`, once, however many processes ask at the same time.
 *
 * Invariants
 * 1. `directory` exists whole or not at all: it is filled under another name and renamed.
 * 2. One process fills; the others wait for it, and take over if it dies.
 */
export async function makeOnce(directory: string, fill: (directory: string) => Promise<void>): Promise<void> {
  if (await exists(directory)) return;
  await mkdir(join(directory, '..'), { recursive: true });
  const release = await acquire(`${directory}.lock`, () => exists(directory));
  if (!release) return;
  const draft = `${directory}.${randomUUID()}.part`;
  try {
    if (await exists(directory)) return;
    await mkdir(draft);
    await fill(draft);
    await rename(draft, directory).catch(async (error: unknown) => {
      // Two waiters may take over from the same dead holder at once; both fill, and either result will do.
      if (!(await exists(directory))) throw error;
    });
  } finally {
    await rm(draft, { recursive: true, force: true });
    await release();
  }
}

/** Takes the lock file, or returns `undefined` once `done` says that its holder has made it needless. */
async function acquire(
  path: string,
  done: () => Promise<boolean>,
): Promise<(() => Promise<void>) | undefined> {
  for (;;) {
    try {
      const file = await open(path, 'wx');
      await file.writeFile(String(process.pid));
      await file.close();
      return () => rm(path, { force: true });
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
    }
    if (await done()) return undefined;
    if (await holderIsGone(path)) await rm(path, { force: true });
    else await wait(100);
  }
}

async function holderIsGone(path: string): Promise<boolean> {
  const pid = Number(await readFile(path, 'utf8').catch(() => ''));
  // Between creation and the pid's arrival the file is empty; an old empty one was left by a crash in between.
  if (!pid) {
    const made = await stat(path).catch(() => undefined);
    return made !== undefined && made.mtimeMs < Date.now() - 5_000;
  }
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'ESRCH';
  }
}
