import { join } from 'node:path';
import { PegasusClient } from 'pegasus-workflows-sdk/client';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { z } from 'zod';
import { startTestPlatform, type TestPlatform } from '../support/platform.js';
import { publishProject } from '../support/publish.js';

/** A run on a whole platform: what its token opens, what it does not, and what it is worth afterwards. */
const MINUTES = 60_000;
const loot = z.object({ characters: z.number(), refused: z.string(), token: z.string() });

let platform: TestPlatform;
let client: PegasusClient;
beforeAll(async () => {
  platform = await startTestPlatform();
  client = new PegasusClient({ baseUrl: platform.url, token: platform.tenant.apiKey });
}, 5 * MINUTES);
afterAll(() => platform?.dispose());

it('reads the secret that is declared, is refused what is not, and its token ends with it', async () => {
  await client.secrets.set('API_KEY', 'twelve chars');
  const { id: workflowId } = await publishProject(client, join(import.meta.dirname, 'fixtures/thief'));
  const { id } = await client.workflows.run(workflowId);
  const ended = await client.executions.wait(workflowId, id, { timeoutMs: 3 * MINUTES });
  expect(ended.status).toBe('COMPLETED');
  const { characters, refused, token } = loot.parse(ended.result);
  expect({ characters, refused }).toEqual({ characters: 12, refused: 'FORBIDDEN' });
  const stolen = new PegasusClient({ baseUrl: platform.url, token });
  await expect(stolen.secrets.get('API_KEY')).rejects.toMatchObject({ status: 401, code: 'UNAUTHENTICATED' });
  const { events } = await client.executions.history(workflowId, id);
  expect(events.filter(({ type }) => type === 'PegasusCallRefused')).toEqual([
    expect.objectContaining({ name: 'SendSms', failure: expect.stringContaining('required_actions') }),
  ]);
}, 5 * MINUTES); // prettier-ignore
