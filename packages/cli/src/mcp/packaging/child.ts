/**
 * Job: packages every workflow of one project into a staging folder, in a process of its own that can be ended at any
 * moment. `child.js <project> <staging>`, started by `run.ts` over IPC.
 *
 * Boundary: reads the project, writes below the staging folder alone; {@link PackagingMessage}s are all it says. It
 * holds no credentials: its environment is what `run.ts` allows.
 *
 * Invariants
 * 1. When the server is gone, however it went, this process ends and removes the staging folder.
 * 2. The code that packages is the command line's own: what `package` refuses is refused here, in the same words.
 */
import { rmSync } from 'node:fs';
import { packageWorkflow, type PackageStep } from '@pegasus-workflows/project/package';
import { forEachWorkflow } from '../../packaging/build.js';
import { describeError } from '../../output/report-error.js';
import { confineImports } from './imports.js';
import type { PackagingMessage, PackagingOutcome } from './messages.js';

const STEPS: Record<PackageStep, [position: number, said: string]> = {
  check: [0, 'checking'],
  bundle: [1, 'bundling'],
  zip: [2, 'writing the artifact'],
};
const STEPS_EACH = 3;

const [, , project = '', staging = ''] = process.argv;

process.on('disconnect', () => {
  rmSync(staging, { recursive: true, force: true });
  process.exit(1);
});

try {
  await say({ type: 'outcomes', outcomes: await packageAll() });
} catch (error) {
  await say({ type: 'failed', failure: describeError(error).report });
}
process.exit(0);

async function packageAll(): Promise<PackagingOutcome[]> {
  let before = 0;
  const outcomes = await forEachWorkflow(project, async (loaded, workflow) => {
    const first = before;
    before += STEPS_EACH;
    await confineImports(project, workflow);
    return packageWorkflow(loaded, workflow, {
      outDir: staging,
      onProgress: (step) => {
        const [position, said] = STEPS[step];
        const total = loaded.workflows.length * STEPS_EACH;
        void say({ type: 'progress', done: first + position, total, message: `${said} ${workflow.name}` });
      },
    });
  });
  return outcomes.map(({ workflow: { name, version }, ...outcome }) => {
    if ('failure' in outcome) return { name, version, failure: outcome.failure };
    const { zipPath, sizeBytes } = outcome.value;
    return { name, version, zip: { file: zipPath, sizeBytes } };
  });
}

/** Resolves once the message is on its way: a process that exits before loses it. */
function say(message: PackagingMessage): Promise<void> {
  return new Promise((resolve) => {
    process.send?.(message, () => resolve());
  });
}
