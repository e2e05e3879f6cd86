import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadProject, packageWorkflow } from '@pegasus-workflows/project';

const PROJECT = fileURLToPath(new URL('../noisy', import.meta.url));

/** Publishes workflows of the noisy project. @returns their ids, by name */
export async function publishNoisy(client, names) {
  const outDir = await mkdtemp(path.join(tmpdir(), 'pegasus-noisy-'));
  try {
    const project = await loadProject(PROJECT);
    const ids = {};
    for (const name of names) {
      const workflow = project.workflows.find((one) => one.name === name);
      const { manifest, zipPath } = await packageWorkflow(project, workflow, { outDir });
      const artifact = new Uint8Array(await readFile(zipPath));
      ids[name] = (await client.workflows.publish({ manifest, artifact })).id;
    }
    return ids;
  } finally {
    await rm(outDir, { recursive: true, force: true });
  }
}

/** What a tenant can do to others: see `bench/noisy`. */
export const KINDS = ['spin', 'shout', 'memory', 'crash', 'flood'];

/**
 * A tenant at full load that misbehaves, until `stop`: of {@link KINDS}, loops on every core, logs without end, a memory
 * bomb, a crash loop that is released from quarantine again and again, and starts without end. `stop` resolves when
 * nothing of it is open. The calls are made by a process of their own, so that those which are measured do not wait for them.
 *
 * @returns {Promise<{stop: () => Promise<{starts: number, refused: number, quarantined: number}>}>}
 */
export async function makeNoise(access, ids, { seconds, kinds }) {
  const child = fork(fileURLToPath(new URL('noise-process.mjs', import.meta.url)));
  child.send({ access, ids, seconds, kinds });
  const said = async () => {
    const [message] = await Promise.race([
      once(child, 'message'),
      once(child, 'exit').then(() => Promise.reject(new Error('the noise broke off'))),
    ]);
    return message;
  };
  await said();
  return {
    async stop() {
      const counts = said();
      child.send('stop');
      return counts;
    },
  };
}

/** Runs one after the other. @returns milliseconds of each, from the call to the result */
export async function latenciesOf(client, workflowId, runs) {
  const latencies = [];
  for (let run = 0; run < runs; run += 1) {
    const began = performance.now();
    const { id } = await client.workflows.run(workflowId);
    const { status, errorMessage } = await client.executions.wait(workflowId, id);
    if (status !== 'COMPLETED') throw new Error(`${status}: ${errorMessage}`);
    latencies.push(performance.now() - began);
  }
  return latencies;
}
