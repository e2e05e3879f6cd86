// A writer of a workspace under its lease, told what to do line by line: `write <path> <text>`, `program`, `end`.
// Prints a line of JSON for everything that happens. `stops` is the moment at which it waits to be stopped.
import { createInterface } from 'node:readline';
import { join } from 'node:path';
import { WriterLease } from '../../../packages/agents/dist/isolation/lease.js';
import { Workspace } from '../../../packages/agents/dist/tools/workspace.js';

const [, , root, holder, lengthMs] = process.argv;
const tell = (event, more = {}) => process.stdout.write(`${JSON.stringify({ event, ...more })}\n`);
const lease = await WriterLease.take({
  folder: join(root, '.pugi/lease'),
  holder,
  lengthMs: Number(lengthMs),
  onWait: (seen) => tell('waiting', seen),
});
tell('held', { token: lease.token });
const workspace = new Workspace(root, lease.stage);

/** Stops this very process, as whoever pulls the plug of its terminal does. */
const stop = () => {
  tell('stopping');
  process.kill(process.pid, 'SIGSTOP');
};

async function write(path, text, moment) {
  const at = await workspace.resolve(path);
  if (moment === 'before') stop();
  const file = { bytes: Buffer.from(text), mode: 0o644, callId: `${holder} ${path}` };
  await workspace.replace(at, file, async () => {
    if (moment === 'staged') stop();
  });
}

async function program(script, moment) {
  if (moment === 'before') stop();
  const child = lease.spawn('sh', ['-c', script], { cwd: root, stdio: 'ignore' });
  tell('started', { pid: child.pid });
  return new Promise((resolve) => child.once('close', (code, signal) => resolve({ code, signal })));
}

/** Both files of a pair are written by whoever has the lease: two writers at once would mix them. */
async function pairs(count) {
  for (let n = 0; n < count; n++) {
    await write('one', `${holder} ${n}`);
    await write('two', `${holder} ${n}`);
    const read = async (name) =>
      (await workspace.read(await workspace.resolve(name), 1_000)).bytes.toString();
    const [one, two] = [await read('one'), await read('two')];
    if (one !== two || one !== `${holder} ${n}`) tell('mixed', { one, two });
  }
}

const actions = {
  write,
  program: async (script, moment) => tell('ended', await program(script, moment)),
  background: (script) => void program(script),
  pairs: (count) => pairs(Number(count)),
  release: () => lease.release(),
};
for await (const line of createInterface({ input: process.stdin })) {
  const [action, ...rest] = JSON.parse(line);
  if (action === 'end') break;
  try {
    await actions[action](...rest);
    tell('done', { action });
  } catch (error) {
    tell('refused', { action, code: error.code, message: error.message });
  }
}
await lease.release();
tell('released');
process.exit(0);
