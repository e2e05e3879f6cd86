// npm run bench:agents: what a turn of a durable dispatch costs more than the same turn in process. Both play the same
// transcript (a turn is one answer and one edit of a file), in turns, on one machine. Build first (`npm run build`).
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { dispatchInProcess, EventLog, ScriptedEngine } from '@pegasus-workflows/agents';
import { startPlatform } from '@pegasus-workflows/platform';
import { PegasusClient } from 'pegasus-workflows-sdk/client';
import { median } from './lib/statistics.mjs';

const TURNS = Number(process.argv[2] ?? 200);
const ROUNDS = 3;
const script = [
  { calls: [{ name: 'write', arguments: { path: 'count.txt', content: 'line 0\n' } }] },
  ...Array.from({ length: TURNS - 2 }, (_, n) => ({
    calls: [
      {
        name: 'edit',
        arguments: {
          path: 'count.txt',
          old_string: `line ${n}\n`,
          new_string: `line ${n}\nline ${n + 1}\n`,
        },
      },
    ],
  })),
  { text: 'counted' },
];
const task = { role: 'coder', prompt: 'Count.', permissionMode: 'acceptEdits' };
const prices = { models: { scripted: { inputPerMillion: 0, outputPerMillion: 0 } }, allowUnknown: false };

const home = await mkdtemp(path.join(tmpdir(), 'pegasus-bench-agents-'));
const names = Array.from({ length: ROUNDS + 1 }, (_, n) => `round-${n}`);
for (const name of names) await mkdir(path.join(home, name));
await writeFile(path.join(home, 'script.json'), JSON.stringify(script));
const file = path.join(home, 'agents.toml');
await writeFile(
  file,
  [
    ...names.map((name) => `[[workspaces]]\nname = "${name}"\npath = "${name}"\n`),
    '[[models]]\nkind = "scripted"\nname = "scripted"\ntranscript = "script.json"\n',
  ].join('\n'),
);

async function inProcess(n) {
  const folder = path.join(home, `alone-${n}`);
  await mkdir(folder);
  const log = await EventLog.open(path.join(folder, '.pugi'));
  const engine = new ScriptedEngine(script);
  const began = performance.now();
  const { result } = await dispatchInProcess({ task: { ...task, id: `t${n}` }, folder, engine, prices, log });
  const took = performance.now() - began;
  await log.close();
  return turnOf(took, result);
}

async function durable(client, n) {
  const began = performance.now();
  const { id } = await client.agents.dispatch({ workspace: names[n], task });
  const { result } = await client.agents.wait(id);
  return turnOf(performance.now() - began, result);
}

/** Milliseconds of a turn. */
function turnOf(took, { status, summary }) {
  if (status !== 'shipped') throw new Error(`it ended as ${status}: ${summary}`);
  return took / TURNS;
}

const platform = await startPlatform({
  dataDir: path.join(home, 'data'),
  port: 0,
  temporalUi: false,
  env: { PEGASUS_AGENTS_FILE: file },
});
try {
  const client = new PegasusClient({ baseUrl: platform.url, token: platform.tenant.apiKey });
  // The first round of each warms up.
  await inProcess('warm');
  await durable(client, ROUNDS);
  const alone = [];
  const onPlatform = [];
  for (let n = 0; n < ROUNDS; n += 1) {
    alone.push(await inProcess(n));
    onPlatform.push(await durable(client, n));
  }
  const [plain, kept] = [median(alone), median(onPlatform)];
  console.log(`${TURNS} turns of one edit each, median of ${ROUNDS} rounds`);
  console.log(`in process  ${plain.toFixed(1)} ms a turn`);
  console.log(`durable     ${kept.toFixed(1)} ms a turn`);
  console.log(`overhead    ${(kept - plain).toFixed(1)} ms a turn (${(kept / plain).toFixed(2)} ×)`);
} finally {
  await platform.stop();
  await rm(home, { recursive: true, force: true });
}
