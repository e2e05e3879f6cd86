import { afterEach, expect } from 'vitest';
import { aiSdkEngine, type OpenAiCompatibleEngine } from '../../../packages/agents/src/engines/ai-sdk.js';
import { EngineError, type Turn, type TurnRequest } from '../../../packages/agents/src/engines/engine.js';
import { type RetryClock } from '../../../packages/agents/src/engines/retry.js';
import { says, startOpenAiServer, type OpenAiServer, type Reply } from './openai-server.js';

export const KEY = 'sk-made-up-123456789-abcdef';
export const PROMPT = 'Rename the customer Adelheid Vogelsang in the file.';
export const READ = {
  type: 'function',
  function: {
    name: 'read',
    description: 'Reads.',
    parameters: { type: 'object', properties: { path: { type: 'string' } } },
  },
};
export const REQUEST: TurnRequest = {
  messages: [
    { role: 'system', content: 'Be brief.' },
    { role: 'user', content: PROMPT },
  ],
  tools: [READ],
  maxTokensOut: 64,
};
export const DONE_WELL = says('All is well.');

/** Of the test that runs now. */
let server: OpenAiServer | undefined;
afterEach(async () => {
  await server?.close();
  server = undefined;
});

export interface Asking extends Partial<OpenAiCompatibleEngine> {
  request?: Partial<TurnRequest>;
  signal?: AbortSignal;
  withoutKey?: boolean;
}

/** One turn of an engine on a server of its own, which is gone after the test. */
export async function ask(
  replies: Reply | Reply[],
  { request, signal, withoutKey, ...options }: Asking = {},
): Promise<Turn> {
  await server?.close();
  server = await startOpenAiServer(...[replies].flat());
  const { baseURL } = server;
  const engine = aiSdkEngine({ model: 'm', baseURL, ...(withoutKey ? {} : { apiKey: KEY }), ...options });
  return engine.turn({ ...REQUEST, ...request }, signal ?? new AbortController().signal);
}

/** What it rejects with, which has to be our error, on one line, and silent about what is secret (invariant 5). */
export async function refusal(replies: Reply | Reply[], asking: Asking = {}): Promise<EngineError> {
  const error = await ask(replies, asking).then(
    () => expect.unreachable('it has answered'),
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(EngineError);
  const { message, stack } = error as EngineError;
  expect(message).toMatch(/^[\x20-\x7e]{20,450}$/);
  for (const secret of [KEY, KEY.slice(3, 15), PROMPT, 'Adelheid Vogelsang']) {
    expect(message).not.toContain(secret);
    expect(stack).not.toContain(secret);
  }
  return error as EngineError;
}

/** What the server was asked, in order. */
export const asked = (): OpenAiServer['asked'] => server!.asked;
/** Answers that are under way. */
export const open = (): number => server!.open();

/** Waits that are over at once, and written down. */
export function clockOf(): RetryClock & { waits: number[] } {
  let now = Date.UTC(2026, 10, 22, 10);
  const waits: number[] = [];
  const wait = (ms: number): Promise<void> => {
    waits.push(ms);
    now += ms;
    return Promise.resolve();
  };
  return { waits, wait, now: () => now, random: () => 1 };
}
