import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { historyFromJson } from '@pegasus-workflows/project/replay';
import { Worker } from '@temporalio/worker';
import { describe, expect, it } from 'vitest';
import { DISPATCH_RECORDINGS, ELSEWHERE } from './dispatches.js';
import { runBundle } from './support.js';

/**
 * Dispatches that a platform of an earlier release has begun go on with the code of today: their histories are kept, as
 * those of templates are (`histories.test.ts`), and recorded by the same setting.
 */
const MINUTES = 60_000;
const KEPT = fileURLToPath(new URL('./histories/', import.meta.url));
const RECORD = process.env['PEGASUS_RECORD_HISTORIES'];
/** As the platform is built with it. */
const workflowBundle = {
  codePath: fileURLToPath(new URL('../../packages/runner/dist/start/dispatch-workflow.js', import.meta.url)),
};

describe.runIf(RECORD)('recording', () => {
  it.each(DISPATCH_RECORDINGS.map((one) => [one.state, one] as const))(
    '%s',
    async (state, { run, steps, activities }) => {
      const given = { activities, args: [run], steps, beside: ELSEWHERE };
      const history = (await runBundle(workflowBundle, 'pegasusDispatch', given)).at(-1);
      const folder = path.join(KEPT, RECORD!, 'dispatches');
      await mkdir(folder, { recursive: true });
      await writeFile(path.join(folder, `${state}.json`), `${JSON.stringify(history, null, 1)}\n`);
    },
    MINUTES,
  );
});

const releases = await readdir(KEPT);
const files = (await Promise.all(releases.map(filesOf))).flat();

async function filesOf(release: string): Promise<string[]> {
  const names = await readdir(path.join(KEPT, release, 'dispatches')).catch(() => []);
  return names.map((name) => path.join(release, 'dispatches', name));
}

async function replay(text: string): Promise<void> {
  const history = historyFromJson(JSON.parse(text) as { events: unknown[] });
  await Worker.runReplayHistory({ workflowBundle }, history);
}

describe('dispatches of old releases go on with the code of today', () => {
  it('are there in every state that one may be in', () => {
    const kept = new Set(files.map((file) => path.basename(file, '.json')));
    expect(DISPATCH_RECORDINGS.filter(({ state }) => !kept.has(state))).toEqual([]);
  });

  it.each(files)('%s', async (file) => {
    const history = await readFile(path.join(KEPT, file), 'utf8');
    await replay(history);
  });

  it('and would be noticed where they did not', async () => {
    const history = await readFile(path.join(KEPT, files[0]!), 'utf8');
    const changed = history.replaceAll('"attemptCall"', '"attemptCallAnew"');
    await expect(replay(changed)).rejects.toThrow('attemptCall');
  });
});
