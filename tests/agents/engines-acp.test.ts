import { mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runAcpAgent, type AcpAnswer, type AcpRun } from '../../packages/agents/src/engines/acp.js';
import { EngineError } from '../../packages/agents/src/engines/engine.js';
import { processesNaming } from '../support/processes.js';

/** An agent in a process of its own, built on the protocol's own package; `acp.ts`, its invariants by number. */
const AGENT = fileURLToPath(new URL('./support/acp-agent.mjs', import.meta.url));
const KEY = 'key-made-up-123456789';
const PROMPT = 'Rename the customer Adelheid Vogelsang in the file.';

let folder: string;
beforeEach(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'pegasus-acp-')));
  await writeFile(join(folder, 'a.txt'), 'one\ntwo\nthree\n');
});
afterEach(async () => {
  // Invariant 1: by the time of its answer, all that it has started is gone.
  expect(await processesNaming(folder)).toEqual([]);
  await rm(folder, { recursive: true, force: true });
});

const run = (scenario: string, more: Partial<AcpRun> = {}): Promise<AcpAnswer> =>
  runAcpAgent({
    command: process.execPath,
    args: [AGENT, scenario, folder],
    cwd: folder,
    prompt: PROMPT,
    timeoutMs: 60_000,
    graceMs: 5_000,
    ...more,
  });

async function refusal(scenario: string, more: Partial<AcpRun> = {}): Promise<EngineError> {
  const error = await run(scenario, more).then(
    () => expect.unreachable('it has answered'),
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(EngineError);
  const { message } = error as EngineError;
  expect(message).toMatch(/^[\x20-\x7e]{20,400}$/);
  for (const secret of [KEY, KEY.slice(2, 12), 'Adelheid']) expect(message).not.toContain(secret);
  return error as EngineError;
}

describe('an answer', () => {
  it('has what was said, why it stopped and what it used', async () => {
    const updates: string[] = [];
    const answer = await run('text', {
      handlers: { onUpdate: ({ sessionUpdate }) => updates.push(sessionUpdate) },
    });
    expect(answer).toEqual({
      text: 'I look around.\n\nDone: grüße.',
      stopReason: 'end_turn',
      usage: { in: 150, out: 25, cachedIn: 50 },
    });
    const said = 'agent_message_chunk';
    expect(updates).toEqual([said, said, 'tool_call', 'tool_call_update', said]);
  });

  it('has every piece, in order, and no usage that is none', async () => {
    const { text, stopReason, usage } = await run('many');
    expect(text).toBe(Array.from({ length: 500 }, (_, n) => `${n} `).join(''));
    expect([stopReason, usage]).toEqual(['max_tokens', undefined]);
  });

  it('is of an agent with an environment of its own', async () => {
    process.env['PEGASUS_TEST_SECRET'] = KEY;
    const { text } = await run('environment', { env: { LANG: 'de_DE.UTF-8', MODEL: 'm' } });
    delete process.env['PEGASUS_TEST_SECRET'];
    const { PATH, HOME } = process.env;
    expect(JSON.parse(text)).toEqual({ PATH, HOME, LANG: 'de_DE.UTF-8', MODEL: 'm' });
  });
});

describe('what the agent asks of us', () => {
  it.each([
    ['allow', undefined, 'allow_once!'],
    ['reject', undefined, 'reject_once!'],
    // A yes to all later calls is nobody's to give.
    ['allow', 'allow_always,reject_once', 'reject_once!'],
    ['allow', 'allow_always', 'cancelled'],
    ['reject', 'allow_once,reject_always', 'reject_always!'],
    ['reject', 'allow_once', 'cancelled'],
  ] as const)('permission: %s of %s is %s', async (answer, kinds, chosen) => {
    const asked: unknown[] = [];
    const { text } = await run('permission', {
      env: kinds === undefined ? {} : { KINDS: kinds },
      handlers: {
        onPermission: (call) => {
          asked.push(call);
          return answer;
        },
      },
    });
    expect(text).toBe(chosen);
    expect(asked).toEqual([
      { toolCallId: 'c1', title: 'Remove all', kind: 'delete', rawInput: { path: '/' } },
    ]);
  });

  it('permission, where nobody answers: no', async () => {
    expect((await run('permission')).text).toBe('reject_once!');
  });

  it('reads and writes', async () => {
    const asked: unknown[] = [];
    const { text } = await run('files', {
      handlers: {
        readTextFile: async (path, line, limit) => {
          asked.push([path, line, limit]);
          return (await readFile(path, 'utf8')).split('\n')[1]!;
        },
        writeTextFile: (path, content) => writeFile(path, content),
      },
    });
    expect(asked).toEqual([[join(folder, 'a.txt'), 2, 1]]);
    expect([text, await readFile(join(folder, 'b.txt'), 'utf8')]).toEqual(['wrote two', 'TWO']);
  });

  it('and is refused: by a handler in its own words, and for another session', async () => {
    const { text } = await run('refused', {
      handlers: { readTextFile: () => Promise.reject(new Error('It is\nnot for you.')) },
    });
    expect(text).toMatch(/^It is not for you\.; .*there is no such session; $/);
  });

  it.each([
    [{}, false, false],
    [{ readTextFile: () => Promise.resolve('') }, true, false],
    [{ writeTextFile: () => Promise.resolve() }, false, true],
  ])('is told of what there is: %o (invariant 3)', async (handlers, readTextFile, writeTextFile) => {
    const { text } = await run('capabilities', { handlers });
    expect(JSON.parse(text)).toMatchObject({ fs: { readTextFile, writeTextFile }, terminal: false });
  });

  it('a terminal is not there', async () => {
    expect((await run('terminal')).text).toBe('-32601');
  });

  it('an update that our side fails at ends it, with that error', async () => {
    const failing = new Error('ours');
    const handlers = {
      onUpdate: () => {
        throw failing;
      },
    };
    await expect(run('text', { handlers })).rejects.toBe(failing);
  });
});

describe('what ends it', () => {
  it('a cancellation, which the agent is told of (invariant 2)', async () => {
    const controller = new AbortController();
    const reason = new Error('enough');
    const broken: boolean[] = [];
    const running = run('cancellable', {
      signal: controller.signal,
      handlers: {
        onPermission: (_, signal) =>
          new Promise(() => {
            signal.addEventListener('abort', () => broken.push(true));
            controller.abort(reason);
          }),
      },
    });
    await expect(running).rejects.toBe(reason);
    expect([await readFile(join(folder, 'cancelled'), 'utf8'), broken]).toEqual(['cancelled', [true]]);
  });

  it('a cancellation that neither the agent nor its child heeds (invariant 1)', async () => {
    const controller = new AbortController();
    const reason = new Error('enough');
    let started = '';
    const running = run('stubborn', {
      signal: controller.signal,
      graceMs: 50,
      handlers: {
        onUpdate: (update) => {
          started = JSON.stringify(update);
          controller.abort(reason);
        },
      },
    });
    await expect(running).rejects.toBe(reason);
    expect(started).toMatch(/started \d+/);
  });

  it('a signal that is aborted already starts nothing', async () => {
    const reason = new Error('enough');
    await expect(run('text', { command: 'none', signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });

  it.each<[string, Partial<AcpRun>, RegExp, boolean]>([
    ['hangs', { timeoutMs: 300, graceMs: 50 }, /has not answered within 300 ms\.$/, true],
    ['exits', {}, /has ended \(exit code 3\) before it had answered: "no such option"\.$/, true],
    ['closes', { graceMs: 300 }, /has closed its output before it had answered\.$/, true],
    ['speaks', {}, /wrote a line that is no message of .+: "Usage: agent \[options\]"\.$/, true],
    ['array', {}, /wrote a line that is no message of the Agent Client Protocol: "\[1, 2\]"\.$/, true],
    ['version', {}, /speaks version 99 of the Agent Client Protocol, and we speak version 1\.$/, true],
    ['sign-in', {}, /is not signed in: sign in with its own program first\.$/, true],
    ['dies', {}, /has ended \(exit code 7\) before it had answered: "out of memory"\.$/, false],
    ['garbage', {}, /is no message of the Agent Client Protocol: "Warning: something"\.$/, false],
    ['leaves', { graceMs: 200 }, /has ended \(exit code 0\) before it had answered\.$/, false],
    [
      'fails',
      { env: { LAST_WORDS: 'no way' } },
      /answered session\/prompt with an error: ".*no way"\.$/,
      false,
    ],
    ['wrong', {}, /answered session\/prompt with what is no answer to it\.$/, false],
    ['flood-out', { mostOutputBytes: 100_000 }, /more than 100000 bytes to its standard output\.$/, false],
    [
      'flood-err',
      { mostErrorBytes: 100_000, graceMs: 100 },
      /more than 100000 bytes to its standard error\.$/,
      false,
    ],
  ])('an agent that %s (invariant 4)', async (scenario, more, message, wasRefused) => {
    const error = await refusal(scenario, more);
    expect(error.message).toMatch(message);
    expect(error.wasRefused).toBe(wasRefused);
  });

  it.each([
    ['dies', { env: { SECRET: KEY, LAST_WORDS: `not valid: ${KEY}\n` } }],
    ['dies', { env: { LAST_WORDS: `cannot do ${PROMPT}\n` } }],
    ['fails', {}],
  ])('repeats nothing that is not to be repeated: %s %#', async (scenario, more) => {
    expect((await refusal(scenario, more)).message).toMatch(/(before it had answered|with an error)\.$/);
  });

  it('a program that is not there, or a folder', async () => {
    for (const more of [{ command: join(folder, 'none') }, { cwd: join(folder, 'none') }]) {
      const error = await refusal('text', more);
      expect(error.message).toBe('The agent could not be started (ENOENT): check its command and its cwd.');
      expect(error.wasRefused).toBe(true);
    }
  });
});

it.each<[Partial<AcpRun>, RegExp]>([
  [{ cwd: 'here' }, /^cwd: must be absolute/],
  [{ prompt: '' }, /^prompt: must not be empty/],
  [{ command: '' }, /^command: must not be empty/],
  [{ timeoutMs: 0 }, /^timeoutMs: must be positive/],
])('is not begun with %j', async (more, message) => {
  await expect(run('text', more)).rejects.toThrow(message);
});
