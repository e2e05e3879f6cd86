import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Workflow } from '@pegasus-workflows/contracts';
import { PegasusClient } from 'pegasus-workflows-sdk/client';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { leaksBelow, leaksIn, spellingsOf } from '../secrets/leaks.js';
import { startTestPlatform, type TestPlatform } from '../support/platform.js';
import { publishProject } from '../support/publish.js';
import { eventually } from '../support/wait.js';

/**
 * One word in everything that a run tells Temporal: found nowhere in Temporal's files and in no log, found through the
 * API by those who may. The same search finds what is no secret in the very same files.
 */
const MINUTES = 60_000;
/** Whether message and stack of what a worker throws are sealed on their way to Temporal. */
const FAILURE_TEXT_IS_SEALED = true;
const mark = `mark${randomBytes(12).toString('hex')}`;
const message = FAILURE_TEXT_IS_SEALED ? `${mark} in a message` : 'as it was told to';
const needles = spellingsOf({ name: 'the mark', text: mark });

let dataDir: string;
let platform: TestPlatform;
let client: PegasusClient;
let stranger: PegasusClient;
let workflow: Workflow;
beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'pegasus-marked-'));
  platform = await startTestPlatform({ temporalOf: 'own', dataDir, env: { LOG_LEVEL: 'trace' } });
  const baseUrl = platform.url;
  client = new PegasusClient({ baseUrl, token: platform.tenant.apiKey });
  const operator = new PegasusClient({ baseUrl, token: platform.platformTenant.apiKey });
  const { adminKey } = await operator.tenants.create({ slug: 'stranger' });
  stranger = new PegasusClient({ baseUrl, token: adminKey.key });
  workflow = await publishProject(client, join(import.meta.dirname, 'fixtures/marked'));
}, 5 * MINUTES);
afterAll(async () => {
  await platform?.dispose();
  await rm(dataDir, { recursive: true, force: true });
});

/** A run that has said everything; it waits to be told how to end. */
async function said(): Promise<string> {
  const { id } = await client.workflows.run(workflow.id, { input: { mark, message } });
  await client.executions.signal(workflow.id, id, 'say', [`${mark} by a signal`]);
  const update = await client.executions.update(workflow.id, id, 'say-now', [`${mark} by an update`]);
  expect(update).toMatchObject({ completed: true, result: `${mark} by an update was said` });
  await eventually(
    async () => {
      const words = await client.executions.query(workflow.id, id, 'said', [`${mark} by a query`]);
      for (const end of ['in a heartbeat', 'from a child', 'locally', 'failed', 'by a signal', 'by a query'])
        expect(words).toContainEqual(expect.stringContaining(`${mark} ${end}`));
    },
    { timeoutMs: 2 * MINUTES },
  );
  return id;
}

it(
  'a run’s data is in no file of Temporal’s and in no log, and whoever may finds it through the API',
  async () => {
    const [completing, failing] = await Promise.all([said(), said()]);
    await client.executions.signal(workflow.id, completing, 'end', [{ fails: false }]);
    await client.executions.signal(workflow.id, failing, 'end', [{ fails: true }]);
    const [completed, failed] = await Promise.all(
      [completing, failing].map((id) => client.executions.wait(workflow.id, id, { timeoutMs: MINUTES })),
    );
    expect(completed).toMatchObject({ status: 'COMPLETED', result: expect.arrayContaining([mark]) });
    expect(failed).toMatchObject({ status: 'FAILED', errorMessage: expect.stringContaining(message) });

    const exported = JSON.stringify(await client.executions.exportHistory(workflow.id, completing));
    const found = leaksIn('the export', Buffer.from(exported), needles);
    expect(found, 'the search finds it where it is to be found').toHaveLength(1);
    const { events } = await client.executions.history(workflow.id, completing);
    expect(events.map(({ failure }) => failure).filter(Boolean)).toContainEqual(
      expect.stringContaining(message),
    );
    for (const id of [completing, failing]) {
      const refused = { status: 404, code: 'NOT_FOUND' };
      await expect(stranger.executions.history(workflow.id, id)).rejects.toMatchObject(refused);
      await expect(stranger.executions.exportHistory(workflow.id, id)).rejects.toMatchObject(refused);
      await expect(stranger.executions.query(workflow.id, id, 'said', ['x'])).rejects.toMatchObject(refused);
    }

    await platform.stop();
    const temporal = join(dataDir, 'temporal');
    expect((await leaksBelow(temporal, needles)).leaks).toEqual([]);
    const logged = (await leaksBelow(join(dataDir, 'logs'), needles)).leaks;
    // What a worker logs of its author's failures is the author's log.
    expect(logged.filter(({ where }) => !where.endsWith('runner.log'))).toEqual([]);
    // What is not sealed is found by the same search.
    const known = spellingsOf({ name: 'the tenant', text: platform.tenant.tenantId });
    expect((await leaksBelow(temporal, known)).leaks).not.toEqual([]);
  },
  10 * MINUTES,
);
