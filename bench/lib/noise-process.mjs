// The calls of the tenant that misbehaves: told what to do by its parent, tells it how much it was.
import { once } from 'node:events';
import { PegasusClient } from 'pegasus-workflows-sdk/client';

const [{ access, ids, seconds, kinds }] = await once(process, 'message');
const client = new PegasusClient(access);
const pause = () => new Promise((resolve) => setTimeout(resolve, 250));
const counts = { starts: 0, refused: 0, quarantined: 0 };
let stopped = false;

const loads = kinds.filter((kind) => kind === 'spin' || kind === 'shout');
const bombs = kinds.filter((kind) => kind === 'memory' || kind === 'crash');
const open = await Promise.all([
  ...(loads.length > 0
    ? Array.from({ length: 3 }, () => client.workflows.run(ids.noise, { input: { seconds, kinds: loads } }))
    : []),
  ...bombs.map((how) => client.workflows.run(ids.bomb, { input: { how } })),
]);

async function flood() {
  while (!stopped) {
    counts.starts += 1;
    await client.workflows.run(ids.quiet, {}, { retries: 0 }).catch(() => (counts.refused += 1));
  }
}

async function release() {
  while (!stopped) {
    const { quarantine } = await client.workflows.get(ids.bomb);
    if (quarantine) {
      counts.quarantined += 1;
      await client.workflows.release(ids.bomb);
    }
    await pause();
  }
}

const loops = [
  ...(kinds.includes('flood') ? Array.from({ length: 8 }, flood) : []),
  ...(bombs.length > 0 ? [release()] : []),
];
process.send('ready');
await once(process, 'message');
stopped = true;
await Promise.all(loops);
await client.workflows.release(ids.bomb);
for (const { id, workflowId } of open)
  await client.executions.terminate(workflowId, id, { reason: 'the noise is over' }).catch(() => undefined);
for (const workflowId of Object.values(ids))
  while ((await client.executions.list(workflowId, { status: ['QUEUED', 'RUNNING'], limit: 1 })).length > 0)
    await pause();
process.send(counts);
process.disconnect();
