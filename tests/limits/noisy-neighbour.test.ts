/** One tenant misbehaves with all it has; the other's runs all complete. How long they take is measured by `bench/noisy.mjs`. */
import { fileURLToPath } from 'node:url';
import { PegasusClient } from 'pegasus-workflows-sdk/client';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startTestPlatform, type TestPlatform } from '../support/platform.js';
import { publishProject } from '../support/publish.js';
import { eventually } from '../support/wait.js';

const PROJECT = fileURLToPath(new URL('../../bench/noisy', import.meta.url));
const MINUTES = 60_000;

let platform: TestPlatform;
beforeAll(async () => {
  platform = await startTestPlatform({
    env: { PEGASUS_QUARANTINE_CRASHES: '2', PEGASUS_RUNNER_TENANT_MEMORY_MB: '256' },
  });
}, 3 * MINUTES);
afterAll(() => platform?.dispose());

it(
  'a busy loop, a log flood, a memory bomb, a crash loop and a flood of starts leave the neighbour’s runs as they were',
  async () => {
    const [loud, still] = [platform.tenant, platform.platformTenant].map(
      ({ apiKey }) => new PegasusClient({ baseUrl: platform.url, token: apiKey }),
    ) as [PegasusClient, PegasusClient];
    await still.tenants.update(platform.tenant.tenantId, { quotas: { maxStartsPerSecond: 1 } });
    const [noise, bomb] = [
      await publishProject(loud, PROJECT, { workflow: 'noise' }),
      await publishProject(loud, PROJECT, { workflow: 'bomb' }),
    ];
    const quiet = await publishProject(still, PROJECT, { workflow: 'quiet' });
    await loud.workflows.run(noise.id, { input: { seconds: 60 } });
    const bombs = [
      await loud.workflows.run(bomb.id, { input: { how: 'crash' } }),
      await loud.workflows.run(bomb.id, { input: { how: 'memory' } }),
    ];
    const flood = await Promise.allSettled(
      Array.from({ length: 40 }, () => loud.workflows.run(noise.id, { input: { seconds: 0 } })),
    );
    expect(flood.some((start) => start.status === 'rejected')).toBe(true);
    const statuses: string[] = [];
    for (let run = 0; run < 15; run++) {
      const { id } = await still.workflows.run(quiet.id);
      statuses.push((await still.executions.wait(quiet.id, id)).status);
    }
    expect(statuses).toEqual(Array.from({ length: 15 }, () => 'COMPLETED'));
    const { quarantine } = await eventually(
      async () => {
        const found = await loud.workflows.get(bomb.id);
        expect(found.quarantine).not.toBe(null);
        return found;
      },
      { timeoutMs: 2 * MINUTES },
    );
    expect(quarantine).toMatchObject({
      code: expect.stringMatching(/^(CRASHED|OUT_OF_MEMORY)$/) as string,
      crashes: 2,
    });
    await expect(loud.workflows.run(bomb.id)).rejects.toMatchObject({ code: 'WORKFLOW_QUARANTINED' });
    // What was open stays open, until somebody releases the version, or ends the runs.
    for (const { id } of bombs) expect((await loud.executions.get(bomb.id, id)).status).toBe('RUNNING');
    const { id } = await still.workflows.run(quiet.id);
    expect((await still.executions.wait(quiet.id, id)).status).toBe('COMPLETED');
  },
  6 * MINUTES,
);
