import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type PayloadKeyInfo, type Workflow } from '@pegasus-workflows/contracts';
import { sealedKeyId, type Payload } from '@pegasus-workflows/kit/payloads';
import { Connection, WorkflowClient } from '@temporalio/client';
import { PegasusClient } from 'pegasus-workflows-sdk/client';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { startTestPlatform, type TestPlatform } from '../support/platform.js';
import { publishProject } from '../support/publish.js';
import { eventually } from '../support/wait.js';

/** Keys change under runs that are open, and encryption is switched off under runs that are encrypted. */
const MINUTES = 60_000;
const input = { mark: `mark${randomBytes(12).toString('hex')}`, message: 'as it was told to' };

let dataDir: string;
let platform: TestPlatform;
let client: PegasusClient;
let workflow: Workflow;
let connection: Connection;
const clientOf = (started: TestPlatform) =>
  new PegasusClient({ baseUrl: started.url, token: started.tenant.apiKey });

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'pegasus-rotation-'));
  connection = await Connection.connect({ address: inject('temporal').address });
  platform = await startTestPlatform({ dataDir, namespace: 't6' });
  client = clientOf(platform);
  workflow = await publishProject(client, join(import.meta.dirname, 'fixtures/marked'));
}, 5 * MINUTES);
afterAll(async () => {
  await platform?.dispose();
  await connection?.close();
  await rm(dataDir, { recursive: true, force: true });
});

/** The words that an open run has said. */
const said = (id: string) =>
  eventually(
    async () => {
      const words = (await client.executions.query(workflow.id, id, 'said', ['asked'])) as string[];
      expect(words).toContainEqual(`${input.mark} failed`);
      return words;
    },
    { timeoutMs: 2 * MINUTES },
  );
const call = async (method: string, path: string): Promise<any> => {
  const headers = { authorization: `Bearer ${platform.tenant.apiKey}` };
  const response = await fetch(`${platform.url}/api/v1${path}`, { method, headers });
  return ((await response.json()) as { data: unknown }).data;
};
/** Ids of the keys of a run's first input and of its result, as Temporal has them; undefined: in the clear. */
async function keysInTemporal(id: string): Promise<(string | undefined)[]> {
  const { temporalWorkflowId } = await client.executions.get(workflow.id, id);
  const history = await new WorkflowClient({ connection, namespace: 't6' })
    .getHandle(temporalWorkflowId!)
    .fetchHistory();
  const first = history.events![0]!.workflowExecutionStartedEventAttributes!.input!;
  const last = history.events!.at(-1)!.workflowExecutionCompletedEventAttributes!.result!;
  return [first, last].map(({ payloads }) => sealedKeyId(payloads![0] as Payload));
}
const complete = async (id: string): Promise<unknown> => {
  await client.executions.signal(workflow.id, id, 'end', [{ fails: false }]);
  return client.executions.wait(workflow.id, id, { timeoutMs: 2 * MINUTES });
};

it(
  'a run that began under one key goes on and ends under the next',
  async () => {
    const { id } = await client.workflows.run(workflow.id, { input });
    await said(id);
    const [before] = (await call('GET', '/payload-keys')) as PayloadKeyInfo[];
    const after = (await call('POST', '/payload-keys/rotate')) as PayloadKeyInfo;
    expect(after).toMatchObject({ current: true, retiredAt: null });
    // Encrypted with a key that the worker has never seen.
    await client.executions.signal(workflow.id, id, 'say', ['after the rotation']);
    await eventually(async () => expect(await said(id)).toContain('after the rotation'));
    expect(await complete(id)).toMatchObject({
      status: 'COMPLETED',
      result: expect.arrayContaining([input.mark, 'after the rotation']),
    });
    expect(await keysInTemporal(id)).toEqual([before!.id, after.id]);
    expect(await call('GET', '/payload-keys')).toEqual([
      after,
      { ...before, current: false, retiredAt: expect.any(String) },
    ]);
  },
  5 * MINUTES,
);

it(
  'switched off, what is encrypted stays readable and what is new is in the clear',
  async () => {
    const { id } = await client.workflows.run(workflow.id, { input });
    await said(id);
    await platform.stop();
    platform = await startTestPlatform({
      dataDir,
      namespace: 't6',
      env: { PEGASUS_PAYLOAD_ENCRYPTION: 'off' },
    });
    client = clientOf(platform);
    await said(id);
    expect(await complete(id)).toMatchObject({ status: 'COMPLETED' });
    const [first, last] = await keysInTemporal(id);
    expect([first, last]).toEqual([expect.any(String), undefined]);
    const plain = await client.workflows.run(workflow.id, { input });
    await said(plain.id);
    await complete(plain.id);
    expect(await keysInTemporal(plain.id)).toEqual([undefined, undefined]);
  },
  5 * MINUTES,
);
