import { describe, expect, it } from 'vitest';
import {
  aiSdkEngine,
  languageModelEngine,
  type OpenAiCompatibleEngine,
} from '../../packages/agents/src/engines/ai-sdk.js';
import { type Turn, type TurnRequest } from '../../packages/agents/src/engines/engine.js';
import { ask, asked, DONE_WELL, KEY, PROMPT, READ, refusal, REQUEST } from './support/engines-asking.js';
import { calls, COMMENT, delta, DONE, lines, says, usage, type Asked } from './support/openai-server.js';

/** The engine of the AI SDK against a real server on a real socket; `ai-sdk.ts`, its invariants by number. */
describe('what is sent', () => {
  it('is the conversation, the tools, the limit and the key', async () => {
    const messages: TurnRequest['messages'] = [
      ...REQUEST.messages,
      {
        role: 'assistant',
        content: 'I look.',
        toolCalls: [
          { id: 'c1', name: 'read', arguments: '{"path": "a"}' },
          { id: 'c2', name: 'read', arguments: '{"path":' },
          { id: 'c3', name: 'read', arguments: '' },
        ],
      },
      { role: 'tool', toolCallId: 'c1', content: 'text of a' },
      { role: 'tool', toolCallId: 'c2', content: 'no JSON' },
      { role: 'tool', toolCallId: 'c3', content: 'nothing' },
      { role: 'assistant', content: '', toolCalls: [{ id: 'c4', name: 'read', arguments: '{}' }] },
      { role: 'tool', toolCallId: 'c4', content: '' },
    ];
    await ask(DONE_WELL, { request: { messages }, headers: { 'x-team': 'blue-team' }, body: { seed: 7 } });
    const [one] = asked();
    expect(one!.path).toBe('/v1/chat/completions');
    expect(one!.headers).toMatchObject({ authorization: `Bearer ${KEY}`, 'x-team': 'blue-team' });
    const call = (id: string, text: string): object => ({
      id,
      type: 'function',
      function: { name: 'read', arguments: text },
    });
    expect(one!.body).toEqual({
      model: 'm',
      seed: 7,
      max_tokens: 64,
      stream: true,
      stream_options: { include_usage: true },
      tools: [READ],
      messages: [
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: PROMPT },
        {
          role: 'assistant',
          content: 'I look.',
          // What is no JSON goes back as a quoted text, which every server can read.
          tool_calls: [call('c1', '{"path": "a"}'), call('c2', '"{\\"path\\":"'), call('c3', '{}')],
        },
        { role: 'tool', tool_call_id: 'c1', content: 'text of a' },
        { role: 'tool', tool_call_id: 'c2', content: 'no JSON' },
        { role: 'tool', tool_call_id: 'c3', content: 'nothing' },
        { role: 'assistant', content: null, tool_calls: [call('c4', '{}')] },
        { role: 'tool', tool_call_id: 'c4', content: '' },
      ],
    });
  });

  it('has no key, no tools and another name of the limit where that is so', async () => {
    await ask(DONE_WELL, {
      withoutKey: true,
      limitField: 'max_completion_tokens',
      request: { tools: [] },
    });
    const [{ headers, body, path }] = asked() as [Asked];
    expect([
      path,
      headers.authorization,
      body['tools'],
      body['max_tokens'],
      body['max_completion_tokens'],
    ]).toEqual(['/v1/chat/completions', undefined, undefined, undefined, 64]);
  });

  it.each<[Partial<OpenAiCompatibleEngine>, RegExp]>([
    [{ baseURL: 'ftp://x' }, /^baseURL: must be an http or https address/],
    [{ baseURL: `https://me:${KEY}@x` }, /^baseURL: must be an http/],
    [{ baseURL: `https://x/v1?key=${KEY}` }, /^baseURL: must be an http/],
    [{ model: '' }, /^model: must not be empty/],
    [{ apiKey: `${KEY}\n` }, /^apiKey: must be printable ASCII/],
    [{ headers: { 'x-key': `${KEY}\u0000` } }, /^headers\.x-key: must be printable ASCII/],
    [{ body: { max_tokens: 1e9 } }, /^body: must not have messages, tools/],
    [{ retry: { maxRetries: -1, budgetMs: 1 } }, /^retry\.maxRetries: /],
  ])('is refused to begin with: %j', (options, message) => {
    const given = { model: 'm', baseURL: 'http://127.0.0.1:1', ...options };
    expect(() => aiSdkEngine(given)).toThrow(message);
    expect(() => aiSdkEngine(given)).not.toThrow(KEY);
  });
});

describe('an answer', () => {
  it('of text is streamed, and counted by the provider', async () => {
    const told: string[] = [];
    const turn = await ask(
      lines(
        delta({ role: 'assistant', content: '' }),
        delta({ reasoning_content: 'hm' }),
        delta({ content: 'All ' }),
        COMMENT,
        delta({ content: 'is well: \n\n“ü”' }),
        delta({}, 'stop'),
        usage(),
        DONE,
      ),
      { onDelta: (text) => told.push(text) },
    );
    expect(turn).toEqual({
      text: 'All is well: \n\n“ü”',
      toolCalls: [],
      usage: { in: 120, out: 30, cachedIn: 20 },
      finish: 'stop',
    });
    expect(told).toEqual(['All ', 'is well: \n\n“ü”']);
  });

  it('that is cut at the limit says so', async () => {
    expect(await ask(says('All is', 'length'))).toMatchObject({ text: 'All is', finish: 'length' });
  });

  it.each(['eos', 'end_turn'])('has ended for a reason of the server’s own: %s', async (reason) => {
    expect(await ask(says('All is', reason))).toMatchObject({ finish: 'stop' });
  });

  it('is whole without the last line, once it has said why it ended', async () => {
    expect(await ask(lines(delta({ content: 'x' }), delta({}, 'stop'), usage()))).toMatchObject({
      text: 'x',
    });
  });

  it.each([
    ['no usage', []],
    ['a usage of nothing', [usage({ prompt_tokens: 0, completion_tokens: 0 })]],
    ['a usage without numbers', [usage({ prompt_tokens: null })]],
    ['a usage below nothing', [usage({ prompt_tokens: -5, completion_tokens: -5 })]],
    ['a usage of parts', [usage({ prompt_tokens: 0.5, completion_tokens: 0.5 })]],
  ])('with %s counts what it can have been at most (invariant 3)', async (_, last) => {
    const words = 'Grüße';
    const { usage: used } = await ask(lines(delta({ content: words }), delta({}, 'stop'), ...last, DONE));
    const told = JSON.stringify(REQUEST.tools) + REQUEST.messages.map(({ content }) => content).join('');
    expect(used.in).toBeGreaterThanOrEqual(Buffer.byteLength(told));
    expect(used.out).toBeGreaterThanOrEqual(Buffer.byteLength(words));
    expect(used.cachedIn).toBeUndefined();
  });

  it('counts calls and reasoning as well, where nobody else does', async () => {
    const { usage: used } = await ask(
      lines(
        delta({ reasoning_content: 'x'.repeat(1_000) }),
        delta({
          tool_calls: [{ index: 0, id: 'a', function: { name: 'read', arguments: `"${'y'.repeat(500)}"` } }],
        }),
        delta({}, 'tool_calls'),
      ),
    );
    expect(used.out).toBeGreaterThanOrEqual(1_500);
  });
});

describe('calls of tools (invariant 4)', () => {
  const call = (
    index: number | undefined,
    id: string | undefined,
    name: string | undefined,
    text: string,
  ): object => ({
    index,
    id,
    type: 'function',
    function: { name, arguments: text },
  });
  const finish = [delta({}, 'tool_calls'), usage(), DONE];

  it('come in pieces, several at once, with words', async () => {
    const turn = await ask(
      lines(
        delta({ content: 'I look.' }),
        delta({ tool_calls: [call(0, 'a', 'read', '')] }),
        delta({ tool_calls: [call(0, undefined, undefined, '{"path"')] }),
        delta({ tool_calls: [call(1, 'b', 'grep', '{}'), call(0, undefined, undefined, ':"x"}')] }),
        ...finish,
      ),
    );
    expect(turn).toMatchObject({
      text: 'I look.',
      finish: 'tool_calls',
      toolCalls: [
        { id: 'a', name: 'read', arguments: '{"path":"x"}' },
        { id: 'b', name: 'grep', arguments: '{}' },
      ],
    });
  });

  it.each<[string, object[], [string, string, string][]]>([
    ['no JSON', [call(0, 'a', 'read', '{"path":')], [['a', 'read', '{"path":']]],
    ['no arguments', [call(0, 'a', 'read', '')], [['a', 'read', '']]],
    ['no id', [call(0, undefined, 'read', '{}')], [['call_1_1', 'read', '{}']]],
    ['an empty id', [call(0, '', 'read', '{}')], [['call_1_1', 'read', '{}']]],
    ['an empty name', [call(0, 'a', '', '{'), call(0, undefined, undefined, '}')], [['a', '', '{}']]],
    ['no name at all', [call(0, 'a', undefined, '{}')], [['a', '', '{}']]],
    [
      'the same id twice',
      [call(0, 'a', 'read', '{}'), call(1, 'a', 'grep', '[]')],
      [
        ['a', 'read', '{}'],
        ['call_1_2', 'grep', '[]'],
      ],
    ],
  ])('come as they are with %s', async (_, pieces, expected) => {
    const reply = lines(...pieces.map((one) => delta({ tool_calls: [one] })), ...finish);
    const { toolCalls } = await ask(reply);
    expect(toolCalls.map((one) => [one.id, one.name, one.arguments])).toEqual(expected);
  });

  it('have an id that none had before', async () => {
    const before: TurnRequest['messages'] = [
      ...REQUEST.messages,
      { role: 'assistant', content: '', toolCalls: [{ id: '0', name: 'read', arguments: '{}' }] },
      { role: 'tool', toolCallId: '0', content: '' },
    ];
    const reply = calls([{ id: '0', name: 'read', arguments: '{}' }]);
    const { toolCalls } = await ask(reply, { request: { messages: before } });
    expect(toolCalls[0]!.id).toBe('call_2_1');
  });

  it('that are none, although the answer says so, are no answer', async () => {
    const error = await refusal(lines(delta({ content: 'x' }), ...finish));
    expect(error.message).toBe('The model said that it calls a tool, and called none.');
  });
});

describe('any model of the AI SDK', () => {
  type Model = Parameters<typeof languageModelEngine>[0]['languageModel'];
  type Part = Awaited<ReturnType<Model['doStream']>>['stream'] extends ReadableStream<infer P> ? P : never;
  const model = (stream: () => ReadableStream<Part>, asked: unknown[] = []): Model => ({
    specificationVersion: 'v3',
    provider: 'ours.chat',
    modelId: 'ours',
    supportedUrls: {},
    doGenerate: () => Promise.reject(new Error('never asked')),
    doStream: (options) => {
      asked.push(options);
      return Promise.resolve({ stream: stream() });
    },
  });
  const streamOf = (parts: Part[]): ReadableStream<Part> =>
    new ReadableStream({
      start: (to) => {
        for (const part of parts) to.enqueue(part);
        to.close();
      },
    });
  const finish: Part = {
    type: 'finish',
    finishReason: { unified: 'tool-calls', raw: 'tool_use' },
    usage: {
      inputTokens: { total: 7, noCache: 7, cacheRead: undefined, cacheWrite: undefined },
      outputTokens: { total: 3, text: 3, reasoning: undefined },
    },
  };
  const call: Part = { type: 'tool-call', toolCallId: 'a', toolName: 'read', input: '{"path":"x"}' };

  it('is asked in the SDK’s own words', async () => {
    const told: { prompt?: { content: unknown }[] }[] = [];
    const engine = languageModelEngine({
      model: 'priced',
      languageModel: model(() => streamOf([{ type: 'stream-start', warnings: [] }, call, finish]), told),
      providerOptions: { ours: { effort: 'high' } },
    });
    const messages: TurnRequest['messages'] = [
      ...REQUEST.messages,
      {
        role: 'assistant',
        content: '',
        toolCalls: [
          { id: 'b', name: 'read', arguments: '{"path":"y"}' },
          { id: 'c', name: 'read', arguments: '{"path":' },
        ],
      },
      { role: 'tool', toolCallId: 'b', content: 'text' },
    ];
    const turn = await engine.turn({ ...REQUEST, messages }, new AbortController().signal);
    expect(turn).toEqual({
      text: '',
      toolCalls: [{ id: 'a', name: 'read', arguments: '{"path":"x"}' }],
      usage: { in: 7, out: 3 },
      finish: 'tool_calls',
    });
    expect(engine.model).toBe('priced');
    expect(told[0]).toMatchObject({
      maxOutputTokens: 64,
      providerOptions: { ours: { effort: 'high' } },
      tools: [{ type: 'function', name: 'read', inputSchema: READ.function.parameters }],
    });
    expect(told[0]!.prompt!.slice(2).map(({ content }) => content)).toMatchObject([
      [{ input: { path: 'y' } }, { input: { malformed: '{"path":' } }],
      [{ toolCallId: 'b', toolName: 'read', output: { type: 'text', value: 'text' } }],
    ]);
  });

  it('that does not heed the signal is left alone', async () => {
    const controller = new AbortController();
    const languageModel = model(() => new ReadableStream({ pull: () => new Promise(() => undefined) }));
    const turn = languageModelEngine({ model: 'm', languageModel }).turn(REQUEST, controller.signal);
    const reason = new Error('enough');
    controller.abort(reason);
    await expect(turn).rejects.toBe(reason);
  });

  it('that ends without a finish, or never, has not answered', async () => {
    const ask = (stream: () => ReadableStream<Part>): Promise<Turn> =>
      languageModelEngine({ model: 'm', languageModel: model(stream) }).turn(
        REQUEST,
        new AbortController().signal,
      );
    await expect(ask(() => streamOf([call]))).rejects.toThrow('ended before it was finished');
    const more: Part = { type: 'text-delta', id: 't', delta: 'x'.repeat(100_000) };
    const forever = (): ReadableStream<Part> => new ReadableStream({ pull: (to) => to.enqueue(more) });
    await expect(ask(forever)).rejects.toThrow(/more than \d+ characters/);
  });
});
