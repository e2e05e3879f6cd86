import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestProject } from 'vitest/node';
import { type TemporalSettings } from '@pegasus-workflows/kit';
import { ensureTemporal, startDevServer, waitForTemporal, type Progress } from '@pegasus-workflows/platform';
import { preparePgliteTemplate } from './pglite-template.js';
import { startTestPostgres, type ProvidedPostgres } from './postgres-server.js';
import { TEST_NAMESPACES } from './provided.js';

/**
 * One Temporal and one PostgreSQL (`postgres-server.ts`) for a whole test run. Temporal is the one `PEGASUS_TEST_TEMPORAL` (`host:port`) names, which needs the namespaces
 * of `provided.ts`, else a dev server of our own in a temporary directory. Suites keep apart by tenant, task queue and
 * namespace. Vitest hands what is provided here to every test file, whichever process runs it.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const closers: (() => Promise<void>)[] = [];
  const teardown = async (): Promise<void> => {
    for (const close of closers.splice(0).reverse()) await close();
  };
  try {
    const [temporal, postgres, pgliteTemplate] = await Promise.all([
      provideTemporal(closers),
      providePostgres(closers),
      preparePgliteTemplate(),
    ]);
    project.provide('runDir', await provideRunDir(closers));
    project.provide('temporal', temporal);
    project.provide('postgres', postgres);
    project.provide('pgliteTemplate', pgliteTemplate);
  } catch (error) {
    await teardown();
    throw error;
  }
  return teardown;
}

async function provideTemporal(closers: (() => Promise<void>)[]): Promise<TemporalSettings> {
  const given = process.env['PEGASUS_TEST_TEMPORAL'];
  const settings = { address: given ?? '', namespace: 'default', tls: false };
  if (given) {
    await waitForTemporal(settings, { namespaces: ['default', ...TEST_NAMESPACES], timeoutMs: 10_000 });
    return settings;
  }
  const { path: binary } = await ensureTemporal({ onProgress: say });
  const dataDir = await mkdtemp(join(tmpdir(), 'pegasus-tests-'));
  closers.push(() => rm(dataDir, { recursive: true, force: true }));
  let isStopping = false;
  const server = await startDevServer({
    binary,
    dataDir,
    ui: false,
    namespaces: [...TEST_NAMESPACES],
    onEvent: (event) => {
      if (event.type === 'restarting') process.stderr.write(`The run’s Temporal: ${event.reason}.\n`);
      else if (event.type === 'exited' && !isStopping)
        process.stderr.write(`The run’s Temporal ended by itself (${event.signal ?? event.code}).\n`);
    },
    onMoved: (address) =>
      process.stderr.write(`The run’s Temporal is at ${address} now; its tests are not.\n`),
  });
  closers.push(async () => {
    isStopping = true;
    await server.stop();
    await tellInnerErrors(join(dataDir, 'logs', 'temporal.log'));
  });
  return { ...settings, address: server.address };
}

/** Clients are told a hash of an error inside Temporal: what stands behind each, and how often it came. */
async function tellInnerErrors(logFile: string): Promise<void> {
  const counts = new Map<string, number>();
  for (const line of (await readFile(logFile, 'utf8')).split('\n')) {
    if (!line.includes('masked service failures')) continue;
    const { hash, error } = JSON.parse(line) as { hash?: string; error?: string };
    const key = `${hash}: ${error}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  for (const [error, count] of counts) process.stderr.write(`Temporal failed inside, ${count} x ${error}\n`);
}

async function provideRunDir(closers: (() => Promise<void>)[]): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'pegasus-run-'));
  closers.push(() => rm(dir, { recursive: true, force: true }));
  return dir;
}

async function providePostgres(closers: (() => Promise<void>)[]): Promise<ProvidedPostgres> {
  const server = await startTestPostgres();
  closers.push(() => server.stop());
  return server.provided;
}

function say({ message, elapsedMs }: Progress): void {
  process.stderr.write(`${message} (${Math.round(elapsedMs / 1000)} s)\n`);
}
