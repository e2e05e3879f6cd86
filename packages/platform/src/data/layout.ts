import { randomBytes } from 'node:crypto';
import { chmod, mkdir } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { createFileAtomic } from '@pegasus-workflows/kit/files';
import { firstMasterKeys, MASTER_KEYS_MODE } from './master-keys.js';

/** The processes of a platform beside Temporal. */
export type Part = 'server' | 'supervisor' | 'agents';

/** Where things are in a data directory; `docs/architecture.md` lists them. All paths are absolute. */
export interface DataLayout {
  root: string;
  lock: string;
  database: string;
  artifacts: string;
  runner: string;
  logs: Record<Part, string>;
  pids: Record<Part, string>;
  secrets: { urlSigningKey: string; runnerToken: string; masterKeys: string; bootstrap: string };
}

const SECRET_BYTES = 32;

/** `$XDG_DATA_HOME/pegasus`, else `~/.local/share/pegasus`. */
export function defaultDataDir(env: NodeJS.ProcessEnv = process.env): string {
  return join(env['XDG_DATA_HOME'] || join(env['HOME'] || homedir(), '.local', 'share'), 'pegasus');
}

export function dataLayout(dataDir: string): DataLayout {
  const root = resolve(dataDir);
  return {
    root,
    lock: join(root, 'platform.lock'),
    database: join(root, 'db'),
    artifacts: join(root, 'artifacts'),
    runner: join(root, 'runner'),
    logs: {
      server: join(root, 'logs', 'server.log'),
      supervisor: join(root, 'logs', 'runner.log'),
      agents: join(root, 'logs', 'agents.log'),
    },
    pids: {
      server: join(root, 'pids', 'server'),
      supervisor: join(root, 'pids', 'supervisor'),
      agents: join(root, 'pids', 'agents'),
    },
    secrets: {
      urlSigningKey: join(root, 'secrets', 'url-signing.key'),
      runnerToken: join(root, 'secrets', 'runner.token'),
      masterKeys: join(root, 'secrets', 'master-keys.json'),
      bootstrap: join(root, 'secrets', 'bootstrap.json'),
    },
  };
}

/**
 * Makes the directories and, the first time, the secrets: 32 random bytes each, which no process ever prints. An
 * existing secret stays, so that URLs and tokens survive a restart. Only this user can read any of it.
 */
export async function prepareDataDir(layout: DataLayout): Promise<void> {
  await mkdir(layout.root, { recursive: true, mode: 0o700 });
  for (const name of ['artifacts', 'runner', 'logs', 'pids', 'secrets']) {
    await mkdir(join(layout.root, name), { recursive: true, mode: 0o700 });
  }
  // An existing directory keeps the mode it was made with; this one must not.
  await chmod(join(layout.root, 'secrets'), 0o700);
  for (const path of [layout.secrets.urlSigningKey, layout.secrets.runnerToken]) {
    await createFileAtomic(path, `${randomBytes(SECRET_BYTES).toString('base64url')}\n`, 0o600);
  }
  await createFileAtomic(layout.secrets.masterKeys, firstMasterKeys(), MASTER_KEYS_MODE);
}
