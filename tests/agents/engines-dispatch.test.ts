import { mkdir, mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { priceTableSchema } from '../../packages/agents/src/budgets/prices.js';
import { dispatchInProcess, type InProcessResult } from '../../packages/agents/src/dispatch/in-process.js';
import { aiSdkEngine } from '../../packages/agents/src/engines/ai-sdk.js';
import { EventLog } from '../../packages/agents/src/log/event-log.js';
import {
  calls,
  cuts,
  delta,
  refuses,
  says,
  startOpenAiServer,
  type OpenAiServer,
  type Reply,
} from './support/openai-server.js';

/** A dispatch whose model is behind a real server: from its task to its result, counted as the server counts. */
const prices = priceTableSchema.parse({ models: { m: { inputPerMillion: 1, outputPerMillion: 10 } } });

let root: string;
let log: EventLog;
let server: OpenAiServer;
beforeEach(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), 'pegasus-engine-')));
  await mkdir(join(root, 'src'));
  await writeFile(join(root, 'src/a.ts'), 'const a = 1;\n');
  log = await EventLog.open(join(root, '.pugi'));
});
afterEach(async () => {
  await log.close();
  await server.close();
  await rm(root, { recursive: true, force: true });
});

async function dispatch(...replies: Reply[]): Promise<InProcessResult> {
  server = await startOpenAiServer(...replies);
  const { baseURL } = server;
  return dispatchInProcess({
    task: { id: 'task-7', role: 'coder', prompt: 'Write b.', permissionMode: 'acceptEdits' },
    folder: root,
    engine: aiSdkEngine({ model: 'm', baseURL, retry: { maxRetries: 1, budgetMs: 1_000 } }),
    prices,
    log,
    answerTokens: 500,
  });
}

const WRITE = { id: 'c1', name: 'write', arguments: '{"path":"src/b.ts","content":"const b = 2;\\n"}' };

it('is shipped with what it wrote, and with the tokens that the server counted', async () => {
  const { result, account } = await dispatch(
    refuses(429, 'slow down', { 'retry-after-ms': '1' }),
    calls([WRITE], { prompt_tokens: 900, completion_tokens: 40 }),
    says('b is there.', 'stop', { prompt_tokens: 1_000, completion_tokens: 9 }),
  );
  expect(result).toMatchObject({
    status: 'shipped',
    summary: 'b is there.',
    filesChanged: ['src/b.ts'],
    toolCallCount: 1,
    tokensIn: 1_900,
    tokensOut: 49,
  });
  expect(await readFile(join(root, 'src/b.ts'), 'utf8')).toBe('const b = 2;\n');
  // A dollar for a million tokens in, ten for those out; nothing for what was refused.
  expect(account.spent.cost).toBe(1_900 + 490);
  const [, first, second] = server.asked;
  expect(first!.body['max_tokens']).toBe(500);
  expect((second!.body['messages'] as object[]).slice(-2)).toMatchObject([
    {
      role: 'assistant',
      tool_calls: [{ id: 'c1', function: { name: 'write', arguments: WRITE.arguments } }],
    },
    { role: 'tool', tool_call_id: 'c1', content: expect.stringContaining('src/b.ts') },
  ]);
});

it('tells the model of a call that it has written wrongly, and of one whose id it has used before', async () => {
  const { result } = await dispatch(
    calls([{ ...WRITE, arguments: '{"path":' }]),
    calls([WRITE]),
    calls([{ ...WRITE, arguments: '{"path":"src/c.ts","content":""}' }]),
    says('done'),
  );
  expect(result).toMatchObject({
    status: 'shipped',
    filesChanged: ['src/b.ts', 'src/c.ts'],
    toolCallCount: 3,
  });
  expect(JSON.stringify(server.asked[1]!.body)).toContain('The arguments are no JSON');
});

it('counts all that a broken answer may have used, and nothing of one that was refused', async () => {
  const broken = await dispatch(cuts(delta({ content: 'I ' })));
  expect(broken.result).toMatchObject({
    status: 'failed',
    summary: expect.stringMatching(/broke its answer off half-way/),
    tokensOut: 500,
  });
  await server.close();
  const refused = await dispatch(refuses(401));
  expect(refused.result).toMatchObject({ status: 'failed', tokensIn: 0, tokensOut: 0 });
});
