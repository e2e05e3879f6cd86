import { randomUUID } from 'node:crypto';
import { temporalWorkflowId, type DemandedArtifact } from '@pegasus-workflows/contracts';
import { runtimeTokens } from '@pegasus-workflows/kit';
import { expect, test } from 'vitest';
import { TokenMint } from './token-mint.js';

const tokens = runtimeTokens('the runner token of this test');
const tenantId = randomUUID();
const executionId = randomUUID();
const artifact: DemandedArtifact = {
  tenantId,
  taskQueue: 'unused',
  artifactSha256: '0'.repeat(64),
  artifactSizeBytes: 1,
  workflowName: 'demo',
  workflowVersion: '1.0.0',
  workflowId: randomUUID(),
  requiredActions: ['SendSms'],
  dryRun: false,
  reason: 'open',
};
const root = { workflowId: temporalWorkflowId(tenantId, 'demo', executionId), runId: 'r1' };
const child = { workflowId: 'order-7', runId: 'r2' };
const unasked = () => Promise.reject(new Error('Temporal was asked'));

test('1: names the tenant, the version and the actions of the artifact', async () => {
  const minted = await new TokenMint(tokens, 300, unasked).mint(artifact, root);
  expect(minted?.lifetimeMs).toBe(300_000);
  expect(await tokens.verify(minted!.token)).toEqual({
    executionId,
    tenantId,
    workflowId: artifact.workflowId,
    actions: ['SendSms'],
  });
});

test('1: none for a run of another tenant, or for an artifact whose version the server did not name', async () => {
  const mint = new TokenMint(tokens, 300, unasked);
  expect(await mint.mint({ ...artifact, tenantId: randomUUID() }, root)).toBeUndefined();
  expect(await mint.mint({ ...artifact, workflowId: undefined }, root)).toBeUndefined();
  const stranger = new TokenMint(tokens, 300, () =>
    Promise.resolve(temporalWorkflowId(randomUUID(), 'demo', executionId)),
  );
  expect(await stranger.mint(artifact, child)).toBeUndefined();
});

test('2, 3: a child acts for its root, which is asked for once; a failure is asked again', async () => {
  let asked = 0;
  const mint = new TokenMint(tokens, 300, () => {
    asked++;
    return asked === 1 ? Promise.reject(new Error('away')) : Promise.resolve(root.workflowId);
  });
  await expect(mint.mint(artifact, child)).rejects.toThrow('away');
  const [first, second] = await Promise.all([mint.mint(artifact, child), mint.mint(artifact, child)]);
  for (const minted of [first, second])
    expect(await tokens.verify(minted!.token)).toMatchObject({ executionId });
  expect(asked).toBe(2);
});
