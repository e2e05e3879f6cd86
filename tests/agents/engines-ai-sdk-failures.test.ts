import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { aiSdkEngine } from '../../packages/agents/src/engines/ai-sdk.js';
import { eventually } from '../support/wait.js';
import {
  ask,
  asked,
  clockOf,
  DONE_WELL,
  KEY,
  open,
  PROMPT,
  refusal,
  REQUEST,
} from './support/engines-asking.js';
import {
  begin,
  COMMENT,
  cuts,
  data,
  delta,
  DONE,
  lines,
  refuses,
  startOpenAiServer,
  type Reply,
} from './support/openai-server.js';

/** What becomes of a turn that the server does not answer, or not to the end; `ai-sdk.ts`, its invariants by number. */
describe('what is refused or broken before an answer', () => {
  it.each<[string, Record<string, string>, number]>([
    ['seconds', { 'retry-after': '7' }, 7_000],
    ['a date', { 'retry-after': 'Sun, 22 Nov 2026 10:00:09 GMT' }, 9_000],
    ['milliseconds', { 'retry-after-ms': '25', 'retry-after': '9' }, 25],
    ['nothing', {}, 500],
  ])('waits as it is asked to, in %s', async (_, headers, ms) => {
    const clock = clockOf();
    const turn = await ask([refuses(429, 'slow down', headers), DONE_WELL], { clock });
    expect([turn.text, clock.waits, asked().length]).toEqual(['All is well.', [ms], 2]);
    expect(asked()[1]!.body).toEqual(asked()[0]!.body);
  });

  it('waits for real', async () => {
    const replies = [
      refuses(429, 'slow', { 'retry-after-ms': '5' }),
      refuses(503, 'x', { 'retry-after-ms': '1' }),
    ];
    expect((await ask([...replies, DONE_WELL])).text).toBe('All is well.');
  });

  it.each([500, 502, 503, 529, 408])('tries again after %i', async (status) => {
    const clock = clockOf();
    expect((await ask([refuses(status), refuses(status), DONE_WELL], { clock })).text).toBe('All is well.');
    expect(clock.waits).toEqual([500, 1_000]);
  });

  it.each<[string, Reply, boolean, RegExp]>([
    [
      '429',
      refuses(429, 'slow down'),
      true,
      /answered 429 \("slow down"\): try again later, .+ It was tried 3 times\./,
    ],
    ['500', refuses(500, 'oops'), false, /answered 500 \("oops"\): try again later\. It was tried 3 times\./],
    ['a cut connection', cuts(), false, /broke before it answered \(\w+\)\. It was tried 3 times\./],
    [
      'a cut after the head',
      cuts(COMMENT),
      false,
      /broke before it answered \(\w+\)\. It was tried 3 times\./,
    ],
  ])('gives up after some tries of %s (invariant 2)', async (_, reply, wasRefused, message) => {
    const clock = clockOf();
    const error = await refusal(reply, { clock, retry: { maxRetries: 2, budgetMs: 60_000 } });
    expect(error.message).toMatch(message);
    expect([error.wasRefused, asked().length]).toEqual([wasRefused, 3]);
  });

  it('is not refused when one of its tries was perhaps worked on', async () => {
    const retry = { maxRetries: 1, budgetMs: 60_000 };
    const error = await refusal([refuses(500), refuses(429)], { clock: clockOf(), retry });
    expect(error).toMatchObject({ wasRefused: false });
  });

  it('goes on after a cut connection', async () => {
    const turn = await ask([cuts(), cuts(COMMENT), DONE_WELL], { clock: clockOf() });
    expect(turn.text).toBe('All is well.');
  });

  it.each<[number, RegExp]>([
    [400, /answered 400 \("bad"\): check the name of the model, and the engine's body\.$/],
    [401, /answered 401 \("bad"\): give the engine an apiKey that the server accepts\.$/],
    [403, /apiKey/],
    [404, /check the baseURL and the name of the model/],
    [413, /too long/],
    [422, /answered 422/],
  ])('fails at once after %i, and nothing is counted (invariant 2)', async (status, message) => {
    const error = await refusal(refuses(status, 'bad'));
    expect(error.message).toMatch(message);
    expect([error.wasRefused, asked().length]).toEqual([true, 1]);
  });

  it('tries again where nobody listens, and says so at last', async () => {
    const server = await startOpenAiServer(DONE_WELL);
    const { baseURL } = server;
    await server.close();
    const clock = clockOf();
    const engine = aiSdkEngine({ model: 'm', baseURL, clock, retry: { maxRetries: 1, budgetMs: 60_000 } });
    const turn = engine.turn(REQUEST, new AbortController().signal);
    await expect(turn).rejects.toMatchObject({
      wasRefused: true,
      message: expect.stringMatching(/could not be reached \(ECONNREFUSED\): check the baseURL/),
    });
    expect(clock.waits).toEqual([500]);
  });

  it('does not wait for longer than there is time', async () => {
    const reply = refuses(429, 'slow', { 'retry-after': '3600' });
    const error = await refusal(reply, { request: { timeoutMs: 60_000 } });
    expect(error.message).toMatch(/The next try would be in 3600 s, and (60|59\.9) s are left\.$/);
    expect([error.wasRefused, asked().length]).toEqual([true, 1]);
  });

  it('follows no redirect: the prompt and the key go nowhere else', async () => {
    const other = await startOpenAiServer(DONE_WELL);
    const error = await refusal((response) => {
      response.writeHead(307, { location: `${other.baseURL}/chat/completions` }).end();
    });
    expect(error.message).toMatch(/answered 307: give the engine the address that it leads to/);
    expect([error.wasRefused, other.asked.length]).toEqual([true, 0]);
    await other.close();
  });

  it.each<[string, Reply]>([
    ['the key', refuses(401, `Incorrect API key provided: ${KEY}`)],
    ['a part of the key', refuses(401, `Incorrect API key: ${KEY.slice(0, 14)}...`)],
    ['the prompt', refuses(400, `Cannot read: ${PROMPT.slice(4)}`)],
    ['a page', (response) => void response.writeHead(502).end(`<html>${KEY}`)],
    ['a text', (response) => void response.writeHead(500).end(`echo ${KEY}`)],
  ])('repeats nothing of %s (invariant 5)', async (_, reply) => {
    const error = await refusal(reply, { retry: { maxRetries: 0, budgetMs: 0 } });
    expect(error.message).toMatch(/answered \d+: /);
  });

  it('repeats one short line of what a server says, in whatever form', async () => {
    const long = `first\nsecond\u001b[31m ${'x'.repeat(5_000)}`;
    const error = await refusal(
      (response) => void response.writeHead(400).end(JSON.stringify({ detail: long })),
    );
    expect(error.message).toMatch(/answered 400 \("first second \[31m x+"\): /);
  });

  it('reads no endless refusal', async () => {
    const retry = { maxRetries: 0, budgetMs: 0 };
    const error = await refusal((response) => endless(response.writeHead(500), 'x'.repeat(1_000)), { retry });
    expect(error.message).toMatch(/answered 500/);
  });
});

/** Writes until nobody listens. */
async function endless(response: Parameters<Reply>[0], text: string): Promise<void> {
  const closed = new AbortController();
  response.once('close', () => closed.abort());
  while (!closed.signal.aborted)
    if (!response.write(text))
      await once(response, 'drain', { signal: closed.signal }).catch(() => undefined);
}

describe('what breaks off', () => {
  const first = delta({ content: 'All ' });
  it.each<[string, Reply, RegExp]>([
    ['a cut connection', cuts(first), /broke its answer off half-way \(\w+\)/],
    ['no reason of its end', lines(first), /ended its answer before it was finished/],
    ['the last line alone', lines(first, DONE), /ended its answer before it was finished/],
    [
      'half a line',
      lines(first, 'data: {"id": "chatcmpl-1", "choi'),
      /ended its answer before it was finished/,
    ],
    ['half a line, and its end', lines(first, 'data: {"id": "cha\n\n'), /is not what a chat completion has/],
    ['a line of another kind', lines(first, data({ choices: 'none' })), /is not what a chat completion has/],
    [
      'calls that are none',
      lines(first, delta({ tool_calls: [{ index: 'x' }] })),
      /is not what a chat completion has/,
    ],
    ['an error', lines(first, data({ error: { message: 'overloaded' } })), /broke its answer off half-way/],
    [
      'a filter',
      lines(first, delta({}, 'content_filter'), DONE),
      /held the answer back by its content filter/,
    ],
    ['another reason', lines(first, delta({}, 'abort'), DONE), /for a reason that is not known/],
  ])('by %s is not asked for again, and counts (invariants 1, 2)', async (_, reply, message) => {
    const told: string[] = [];
    const error = await refusal([reply, DONE_WELL], { clock: clockOf(), onDelta: (text) => told.push(text) });
    expect(error.message).toMatch(message);
    expect([error.wasRefused, asked().length, told]).toEqual([false, 1, ['All ']]);
  });

  it.each<[string, Reply]>([
    ['a page', (response) => void response.writeHead(200).end(`<html>${KEY}</html>`)],
    ['another object', (response) => void response.writeHead(200).end('{"object":"list"}')],
    ['nothing', (response) => void response.writeHead(200).end()],
    ['bytes', (response) => void response.writeHead(200).end(Buffer.alloc(5_000, 0xff))],
  ])('with %s is no answer at all', async (_, reply) => {
    const error = await refusal([reply, DONE_WELL]);
    expect(error.message).toMatch(/is no stream of a chat completion\.$/);
    expect([error.wasRefused, asked().length]).toEqual([false, 1]);
  });

  it.each([
    ['lines', first],
    ['one line', 'data: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx'],
  ])('is bounded when it is endless: %s', async (_, text) => {
    const error = await refusal((response) => endless(begin(response), text.repeat(50)));
    expect(error.message).toMatch(/sent more than \d+ bytes for an answer of at most 64 tokens/);
    await eventually(() => expect(open()).toBe(0));
  });
});

describe('the signal', () => {
  it('breaks off an answer that is slow, and its connection', async () => {
    const controller = new AbortController();
    const reason = new Error('enough');
    const turn = ask((response) => void begin(response).write(delta({ content: 'All ' })), {
      signal: controller.signal,
      onDelta: () => controller.abort(reason),
    });
    await expect(turn).rejects.toBe(reason);
    await eventually(() => expect(open()).toBe(0));
  });

  it('breaks off before there is an answer, and between two tries', async () => {
    const reason = new Error('enough');
    for (const reply of [() => undefined, refuses(429, 'slow', { 'retry-after': '60' })]) {
      const controller = new AbortController();
      const turn = ask(reply, { signal: controller.signal });
      void eventually(() => expect(asked()).toHaveLength(1)).then(() => controller.abort(reason));
      await expect(turn).rejects.toBe(reason);
    }
  });

  it('that is aborted already asks nobody', async () => {
    await expect(ask(DONE_WELL, { signal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow(
      'enough',
    );
    expect(asked()).toEqual([]);
  });
});
