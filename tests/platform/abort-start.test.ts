import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { startPlatform, type Platform } from '@pegasus-workflows/platform';
import { processesNaming } from '../support/processes.js';

const fixture = (name: string): string => fileURLToPath(new URL(`./fixtures/${name}`, import.meta.url));
const programs = { server: fixture('server.mjs'), supervisor: fixture('supervisor.mjs') };

let dataDir: string;
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'pegasus-abort-'));
});
afterEach(() => rm(dataDir, { recursive: true, force: true }));

/** On an embedded Temporal, so that all three parts are started. */
function start(onMessage: (message: string) => void, signal: AbortSignal): Promise<Platform> {
  return startPlatform({
    dataDir,
    port: 0,
    programs,
    temporalUi: false,
    env: { TEMPORAL_ADDRESS: '' },
    onProgress: ({ message }) => onMessage(message),
    signal,
  });
}

it.each(['starting Temporal', 'starting the server', 'starting the supervisor', 'the supervisor is ready'])(
  'a start that is aborted at "%s" leaves no process and no lock (invariant 2)',
  async (moment) => {
    const controller = new AbortController();
    const reason = new Error('changed my mind');
    const starting = start((message) => {
      if (message === moment) controller.abort(reason);
    }, controller.signal);
    await expect(starting).rejects.toBe(reason);
    expect(await processesNaming(dataDir)).toEqual([]);
    expect(await readdir(dataDir)).not.toContain('platform.lock');

    const platform = await start(() => {}, new AbortController().signal);
    await platform.stop();
  },
);

it('an aborted signal starts nothing', async () => {
  await expect(start(() => {}, AbortSignal.abort(new Error('too late')))).rejects.toThrow('too late');
  expect(await processesNaming(dataDir)).toEqual([]);
});
