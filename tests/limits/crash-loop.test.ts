/** Versions that crash, beside one that does not, in the one process of their tenant: a real supervisor and its workers. */
import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { demanded, type Artifact } from '../runner/support/artifacts.js';
import { RunnerBench } from '../runner/support/supervisor.js';
import { eventually } from '../support/wait.js';

let bench: RunnerBench;
let tenant: string;
beforeEach(async () => {
  tenant = randomUUID();
  bench = await new RunnerBench().open();
});
afterEach(() => bench.close());

const reports = () => bench.api.quarantines;
const greet = async (artifact: Artifact) =>
  (await bench.run(tenant, artifact, 'greet', { name: 'Ada' })).result();

test('the one whose tasks crash the process is found among several, and reported until the server has heard', async () => {
  const good = await bench.publish();
  const idle = await bench.publish();
  const deadly = await bench.publish({ activities: 'exports.waitForGate = async () => process.exit(7);' });
  bench.api.refuseQuarantines = 1;
  await bench.start({ PEGASUS_QUARANTINE_CRASHES: '2' });
  bench.api.demand(demanded(tenant, good), demanded(tenant, idle), demanded(tenant, deadly));
  expect(await greet(good)).toContain('Ada');
  // Its attempts go on and on: each ends the process of all three.
  const poison = await bench.run(tenant, deadly, 'gated');
  await eventually(() => expect(reports().length).toBeGreaterThanOrEqual(2), { timeoutMs: 60_000 });
  expect(reports()[0]).toMatchObject({
    tenantId: tenant,
    artifactSha256: deadly.sha256,
    cause: 'CRASHED',
    crashes: 2,
    windowSeconds: 600,
    exitCode: 7,
    signal: null,
  });
  expect(reports()[1]).toEqual(reports()[0]);
  expect(new Set(reports().map(({ artifactSha256 }) => artifactSha256))).toEqual(new Set([deadly.sha256]));
  // Still in demand, as far as this supervisor was told last; what has been quarantined is not taken up again by itself.
  expect(await greet(good)).toContain('Ada');
  expect(await greet(idle)).toContain('Ada');
  const deaths = bench.logs.filter(({ msg }) => msg === 'worker process died').length;
  bench.api.demand(demanded(tenant, good), demanded(tenant, idle));
  expect(await greet(good)).toContain('Ada');
  expect(bench.logs.filter(({ msg }) => msg === 'worker process died')).toHaveLength(deaths);
  // Released: demanded anew, it is tried anew, and counted from one.
  bench.api.demand(demanded(tenant, good), demanded(tenant, idle), demanded(tenant, deadly));
  await bench.logged(({ msg }) => msg === 'it was this version', 3);
  expect(await greet(good)).toContain('Ada');
  await poison.terminate();
}, 120_000);

test('the one that cannot be loaded is reported, as such', async () => {
  const good = await bench.publish();
  const broken = await bench.publish({ activities: 'throw new Error("cannot start");' });
  await bench.start({ PEGASUS_QUARANTINE_CRASHES: '2' });
  bench.api.demand(demanded(tenant, broken), demanded(tenant, good));
  await eventually(() =>
    expect(reports()).toEqual([
      expect.objectContaining({
        artifactSha256: broken.sha256,
        cause: 'NOT_LOADABLE',
        crashes: 2,
        exitCode: null,
      }),
    ]),
  );
  expect(await greet(good)).toContain('Ada');
  expect(bench.logs.some(({ msg }) => msg === 'worker process died')).toBe(false);
});

test('one that fills its memory is told so, with what ended it', async () => {
  const bomb = await bench.publish({
    activities: 'const all = []; for (;;) all.push(new Array(1e6).fill(Math.random()));',
  });
  await bench.start({ PEGASUS_QUARANTINE_CRASHES: '1', PEGASUS_RUNNER_TENANT_MEMORY_MB: '256' });
  bench.api.demand(demanded(tenant, bomb));
  await eventually(() => expect(reports()).toHaveLength(1), { timeoutMs: 60_000 });
  expect(reports()[0]).toMatchObject({ cause: 'OUT_OF_MEMORY', crashes: 1 });
  expect(reports()[0]!.signal).toMatch(/^SIG(KILL|ABRT|TRAP)$/);
});

test('an artifact that the platform cannot hand over is never put down to its author', async () => {
  const artifact = await bench.publish();
  bench.api.zips.delete(artifact.sha256);
  await bench.start({ PEGASUS_QUARANTINE_CRASHES: '1' });
  bench.api.demand(demanded(tenant, artifact));
  await bench.logged(({ msg }) => msg === 'artifact is not loaded', 3);
  bench.api.zips.set(artifact.sha256, artifact.zip);
  expect(await greet(artifact)).toContain('Ada');
  expect(reports()).toEqual([]);
});
