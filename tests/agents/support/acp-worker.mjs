// An agent of the Agent Client Protocol that takes the steps of its first argument, and says at its end what has come of
// each. One that begins anew takes those steps no more that it is told it has taken.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { agent, methods, ndJsonStream } from '@agentclientprotocol/sdk';

const steps = JSON.parse(process.argv[2]);
let capabilities;
let cwd;

/** Each answers what there is to be said of it; what it throws is said as well. */
const STEPS = {
  async write([path, content], { request }) {
    await request(methods.client.fs.writeTextFile, { path: join(cwd, path), content });
    return 'written';
  },
  async read(path, { request }) {
    return (await request(methods.client.fs.readTextFile, { path: join(cwd, path) })).content;
  },
  async line([path, line, limit], { request }) {
    return (await request(methods.client.fs.readTextFile, { path: join(cwd, path), line, limit })).content;
  },
  async run({ limit, ...line }, { request }) {
    const { terminalId } = await request(methods.client.terminal.create, {
      ...line,
      ...(line.cwd === undefined ? {} : { cwd: join(cwd, line.cwd) }),
      ...(limit === undefined ? {} : { outputByteLimit: limit }),
    });
    const { exitCode } = await request(methods.client.terminal.waitForExit, { terminalId });
    const { output, truncated } = await request(methods.client.terminal.output, { terminalId });
    await request(methods.client.terminal.release, { terminalId });
    return { exitCode, output, truncated };
  },
  together: (writes, talk) => Promise.all(writes.map((write) => STEPS.write(write, talk))),
  async permission(kind, { request }) {
    const { outcome } = await request(methods.client.session.requestPermission, {
      toolCall: { toolCallId: 'own', title: kind, kind },
      options: ['allow_always', 'allow_once', 'reject_once'].map((one) => ({
        optionId: one,
        name: one,
        kind: one,
      })),
    });
    return outcome.optionId;
  },
  own: (path) => (writeFileSync(join(cwd, path), 'by itself'), 'written'),
  look: (path) => readFileSync(join(cwd, path), 'utf8'),
  variable: (name) => process.env[name] ?? 'unset',
  /** By curl, which heeds the environment's proxy whatever the version of Node. */
  fetch: (url) => execFileSync('curl', ['--silent', '--show-error', '--fail', url], { encoding: 'utf8' }),
  offered: () => capabilities,
  wait: () => new Promise(() => undefined),
  die: () => process.exit(9),
};

async function work(prompt, talk) {
  const taken = prompt.match(/^You called (write|bash) /gm)?.length ?? 0;
  let asked = 0;
  const came = [];
  for (const step of steps) {
    const [[name, given]] = Object.entries(step);
    if (name === 'write' || name === 'run') {
      asked += 1;
      if (asked <= taken) continue;
    }
    try {
      came.push(await STEPS[name](given, talk));
    } catch (error) {
      came.push({ refused: error.code ?? error.name, message: error.message });
    }
  }
  await talk.say(JSON.stringify(came));
}

agent({ name: 'worker' })
  .onRequest(methods.agent.initialize, ({ params }) => {
    capabilities = params.clientCapabilities;
    return { protocolVersion: params.protocolVersion, agentCapabilities: {} };
  })
  .onRequest(methods.agent.session.new, ({ params }) => {
    ({ cwd } = params);
    return { sessionId: 'only' };
  })
  .onNotification(methods.agent.session.cancel, () => process.exit(0))
  .onRequest(methods.agent.session.prompt, async ({ params: { sessionId, prompt }, client }) => {
    const update = (of) => client.notify(methods.client.session.update, { sessionId, update: of });
    await work(prompt[0].text, {
      say: (text) => update({ sessionUpdate: 'agent_message_chunk', content: { type: 'text', text } }),
      request: (method, params) => client.request(method, { sessionId, ...params }),
    });
    return {
      stopReason: 'end_turn',
      usage: { totalTokens: 90_000, inputTokens: 80_000, outputTokens: 10_000 },
    };
  })
  .connect(ndJsonStream(Writable.toWeb(process.stdout), Readable.toWeb(process.stdin)));
