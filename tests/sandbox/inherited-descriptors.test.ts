import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { requireCommand } from '../support/apt.js';
import { eventually } from '../support/wait.js';

const SUPERVISOR = createRequire(import.meta.url).resolve('@pegasus-workflows/runner/supervisor');
/** Behind a gap that Node's own marking of what it inherits does not come over. */
const NUMBER = 40;

let dir: string;
let secret: string;
let supervisor: ChildProcess | undefined;
beforeAll(async () => {
  await requireCommand('bwrap', 'bubblewrap');
  dir = await mkdtemp(join(tmpdir(), 'pegasus-descriptors-'));
  secret = join(dir, 'secret');
  await writeFile(secret, 'of whoever started the platform');
});
afterAll(async () => {
  supervisor?.kill('SIGKILL');
  await rm(dir, { recursive: true, force: true });
});

/** Starts it as a program would that has a file open, and does not say that it is its own. */
function startSupervisor(): ChildProcess {
  const file = openSync(secret, 'r');
  const between = Array.from({ length: NUMBER - 4 }, () => 'ignore' as const);
  const stdio: StdioOptions = ['ignore', 'ignore', 'inherit', 'ipc', ...between, file];
  const env = {
    PATH: process.env['PATH'],
    TMPDIR: dir,
    TEMPORAL_ADDRESS: '127.0.0.1:9',
    PEGASUS_SERVER_URL: 'http://127.0.0.1:9',
    PEGASUS_RUNNER_TOKEN: 'a-runner-token-123456789-123456789',
    PEGASUS_RUNNER_DIR: join(dir, 'runner'),
    LOG_LEVEL: 'fatal',
  };
  try {
    return spawn(process.execPath, [SUPERVISOR], { env, stdio });
  } finally {
    closeSync(file);
  }
}

function descendantsOf(pid: number): number[] {
  const children = readdirSync(`/proc/${pid}/task`).flatMap((task) =>
    readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
  );
  return [...children, ...children.flatMap(descendantsOf)];
}

/** What a process has open; a descriptor that it closes while they are read is none. */
const filesOf = (pid: number): string[] =>
  readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${fd}`);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw error;
    }
  });

test('a file that the supervisor was started with is open neither in it nor in a worker', async () => {
  supervisor = startSupervisor();
  const pid = supervisor.pid!;
  expect(filesOf(pid)).toContain(secret);
  await once(supervisor, 'message');
  expect(filesOf(pid)).not.toContain(secret);
  await eventually(() => {
    const pids = descendantsOf(pid);
    const worker = pids.find((one) =>
      readFileSync(`/proc/${one}/cmdline`, 'latin1').startsWith(process.execPath),
    );
    expect(worker).toBeDefined();
    for (const one of pids) expect(filesOf(one)).not.toContain(secret);
  });
});
