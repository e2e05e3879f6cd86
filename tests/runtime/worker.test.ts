import { randomUUID } from 'node:crypto';
import { temporalWorkflowId, type DemandedArtifact } from '@pegasus-workflows/contracts';
import { runtimeTokens } from '@pegasus-workflows/kit';
import { type WorkflowHandle } from '@temporalio/client';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { demanded, type Artifact } from '../runner/support/artifacts.js';
import { RunnerBench } from '../runner/support/supervisor.js';

/** What activities find in their environment, under a real supervisor, real workers and a real Temporal. */

interface Whereabouts {
  env: Record<string, string>;
}

let bench: RunnerBench;
let tenantId: string;
let artifact: Artifact;
const workflowId = randomUUID();

beforeEach(async () => {
  tenantId = randomUUID();
  bench = await new RunnerBench().open();
  artifact = await bench.publish();
});
afterEach(() => bench.close());

const inDemand = (dryRun = false): DemandedArtifact =>
  demanded(tenantId, artifact, 'open', { workflowId, requiredActions: ['SendSms'], dryRun });

function run(executionId: string, workflow: string, dryRun = false): Promise<WorkflowHandle> {
  return bench.client.workflow.start(workflow, {
    taskQueue: inDemand(dryRun).taskQueue,
    workflowId: temporalWorkflowId(tenantId, 'basic', executionId),
    workflowExecutionTimeout: '90s',
    args: [{ executionId, input: { name: executionId } }],
  });
}
async function whereabouts(executionId: string, workflow = 'whereAmI', dryRun = false): Promise<Whereabouts> {
  return (await (await run(executionId, workflow, dryRun)).result()) as Whereabouts;
}
const claimsOf = ({ env }: Whereabouts) =>
  runtimeTokens(bench.api.token).verify(env['PEGASUS_RUNTIME_TOKEN'] ?? '');

test('two executions at once in one process have their own tokens, with what the manifest declares', async () => {
  await bench.start();
  bench.api.demand(inDemand());
  const ids = [randomUUID(), randomUUID()];
  const found = await Promise.all(ids.map((id) => whereabouts(id)));
  expect(await Promise.all(found.map(claimsOf))).toEqual(
    ids.map((executionId) => ({ executionId, tenantId, workflowId, actions: ['SendSms'] })),
  );
  expect(found[0]!.env['PEGASUS_API_BASE_URL']).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
  expect(found[0]!.env).not.toHaveProperty('PEGASUS_DRY_RUN');
});

test('an activity of a child run acts for the execution at the root', async () => {
  await bench.start();
  bench.api.demand(inDemand());
  const executionId = randomUUID();
  expect(await claimsOf(await whereabouts(executionId, 'whereIsMyChild'))).toMatchObject({ executionId });
});

test('the activities of a dry run know that it is one, and those of its child runs', async () => {
  await bench.start();
  bench.api.demand(inDemand(), inDemand(true));
  const [dry, child, live] = await Promise.all([
    whereabouts(randomUUID(), 'whereAmI', true),
    whereabouts(randomUUID(), 'whereIsMyChild', true),
    whereabouts(randomUUID()),
  ]);
  expect([dry, child, live].map(({ env }) => env['PEGASUS_DRY_RUN'])).toEqual(['1', '1', undefined]);
});

test('a long activity outlives its first token', async () => {
  await bench.start({ PEGASUS_RUNTIME_TOKEN_SECONDS: '2' });
  bench.api.demand(inDemand());
  const executionId = randomUUID();
  const [first, second] = (await (await run(executionId, 'renewal')).result()) as string[];
  expect(second).not.toBe(first);
  expect(await runtimeTokens(bench.api.token).verify(second!)).toMatchObject({ executionId });
});

test('a run that is no execution of the tenant has no token', async () => {
  await bench.start();
  bench.api.demand(inDemand());
  const handle = await bench.client.workflow.start('whereAmI', {
    taskQueue: inDemand().taskQueue,
    workflowId: temporalWorkflowId(randomUUID(), 'basic', randomUUID()),
    workflowExecutionTimeout: '90s',
    args: [{ input: {} }],
  });
  expect(((await handle.result()) as Whereabouts).env).not.toHaveProperty('PEGASUS_RUNTIME_TOKEN');
});
