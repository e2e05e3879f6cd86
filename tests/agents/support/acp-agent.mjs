// An agent of the Agent Client Protocol that does what its first argument says, and not always what it should.
import { spawn } from 'node:child_process';
import { closeSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { agent, methods, ndJsonStream, RequestError } from '@agentclientprotocol/sdk';

const [, , scenario, folder] = process.argv;
let capabilities;
let cancelled = () => undefined;

/** What is prompted: each says something by `say`, and answers why it has stopped. */
const PROMPTS = {
  async text({ say, update }) {
    await say('I look ');
    await say('around.');
    await update({
      sessionUpdate: 'tool_call',
      toolCallId: 'c1',
      title: 'Look',
      kind: 'read',
      status: 'pending',
    });
    await update({ sessionUpdate: 'tool_call_update', toolCallId: 'c1', status: 'completed' });
    await say('Done: grüße.');
    const usage = {
      totalTokens: 175,
      inputTokens: 100,
      outputTokens: 20,
      thoughtTokens: 5,
      cachedReadTokens: 50,
    };
    return { stopReason: 'end_turn', usage };
  },
  async many({ say }) {
    for (let n = 0; n < 500; n++) void say(`${n} `);
    return { stopReason: 'max_tokens', usage: { totalTokens: 'many' } };
  },
  async permission({ say, request }) {
    const kinds = (process.env.KINDS ?? 'allow_once,allow_always,reject_once,reject_always').split(',');
    const { outcome } = await request(methods.client.session.requestPermission, {
      toolCall: { toolCallId: 'c1', title: 'Remove all', kind: 'delete', rawInput: { path: '/' } },
      options: kinds.map((kind) => ({ optionId: `${kind}!`, name: kind, kind })),
    });
    await say(outcome.optionId ?? outcome.outcome);
  },
  async files({ say, request }) {
    const read = { path: join(folder, 'a.txt'), line: 2, limit: 1 };
    const { content } = await request(methods.client.fs.readTextFile, read);
    await request(methods.client.fs.writeTextFile, {
      path: join(folder, 'b.txt'),
      content: content.toUpperCase(),
    });
    await say(`wrote ${content}`);
  },
  async refused({ say, request }) {
    const path = join(folder, 'a.txt');
    for (const sessionId of ['sess-1', 'another'])
      await request(methods.client.fs.readTextFile, { path, sessionId }).catch((error) =>
        say(`${error.message}; `),
      );
  },
  async terminal({ say, request }) {
    await request(methods.client.terminal.create, { command: 'true' }).catch((error) =>
      say(String(error.code)),
    );
  },
  capabilities: ({ say }) => say(JSON.stringify(capabilities)),
  environment: ({ say }) => say(JSON.stringify(process.env)),
  async cancellable({ say, request }) {
    const asked = request(methods.client.session.requestPermission, {
      toolCall: { toolCallId: 'c1', title: 'Wait' },
      options: [{ optionId: 'o', name: 'o', kind: 'allow_once' }],
    });
    const heeded = new Promise((resolve) => (cancelled = resolve));
    await say('waiting');
    const { outcome } = await asked;
    await heeded;
    writeFileSync(join(folder, 'cancelled'), outcome.outcome);
    return { stopReason: 'cancelled' };
  },
  async stubborn({ say }) {
    process.on('SIGTERM', () => undefined);
    const child = spawn(process.execPath, [
      '-e',
      'process.on("SIGTERM", () => {}); setInterval(() => {}, 1e6)',
      folder,
    ]);
    child.on('spawn', () => void say(`started ${child.pid}`));
    setInterval(() => undefined, 1e6);
    await new Promise(() => undefined);
  },
  async leaves({ say }) {
    spawn(process.execPath, ['-e', 'setInterval(() => {}, 1e6)', folder], { stdio: 'inherit' });
    await say('left one behind');
    process.exit(0);
  },
  async dies({ say }) {
    await say('I look');
    process.stderr.write(process.env.LAST_WORDS ?? 'out of memory\n');
    process.exitCode = 7;
    setImmediate(() => process.exit());
    await new Promise(() => undefined);
  },
  async 'flood-out'({ say }) {
    for (;;) await say('x'.repeat(10_000));
  },
  async 'flood-err'() {
    for (;;)
      if (!process.stderr.write('x'.repeat(10_000)))
        await new Promise((go) => process.stderr.once('drain', go));
  },
  async garbage() {
    process.stdout.write('Warning: something\n');
    await new Promise(() => undefined);
  },
  fails: ({ prompt }) =>
    Promise.reject(RequestError.internalError(undefined, process.env.LAST_WORDS ?? prompt)),
  wrong: () => ({ stopReason: 'because' }),
};

/** What happens before a prompt. */
const BEGINNINGS = {
  exits: () => {
    process.stderr.write('no such option\n');
    process.exit(3);
  },
  speaks: () => process.stdout.write('Usage: agent [options]\n'),
  array: () => process.stdout.write('[1, 2]\n'),
  hangs: () => process.stdin.resume(),
  closes: () => {
    closeSync(1);
    setInterval(() => undefined, 1e6);
  },
};

function serve() {
  agent({ name: 'test' })
    .onRequest(methods.agent.initialize, ({ params }) => {
      capabilities = params.clientCapabilities;
      return { protocolVersion: scenario === 'version' ? 99 : params.protocolVersion, agentCapabilities: {} };
    })
    .onRequest(methods.agent.session.new, () => {
      if (scenario === 'sign-in') throw RequestError.authRequired();
      return { sessionId: 'sess-1' };
    })
    .onNotification(methods.agent.session.cancel, () => cancelled())
    .onRequest(methods.agent.session.prompt, async ({ params: { sessionId, prompt }, client }) => {
      const update = (of) => client.notify(methods.client.session.update, { sessionId, update: of });
      const said = await PROMPTS[scenario]({
        update,
        say: (text) => update({ sessionUpdate: 'agent_message_chunk', content: { type: 'text', text } }),
        request: (method, params) => client.request(method, { sessionId, ...params }),
        prompt: prompt[0].text,
      });
      return said ?? { stopReason: 'end_turn' };
    })
    .connect(ndJsonStream(Writable.toWeb(process.stdout), Readable.toWeb(process.stdin)));
}

(BEGINNINGS[scenario] ?? serve)();
