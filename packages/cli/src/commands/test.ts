import { randomUUID } from 'node:crypto';
import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { loadProject } from '@pegasus-workflows/project/manifest';
import { type LocalPlatform } from 'pegasus-workflows-sdk/testing';
import { type Context } from '../context.js';
import { formatDuration } from '../output/format.js';
import { paintStatus } from '../output/describe.js';
import { buildWorkflow } from '../packaging/build.js';
import { locateProject } from '../project/locate.js';
import { workflowNamed } from '../project/workflow-named.js';
import { INTERRUPTED, untilInterrupted } from '../runs/interrupt.js';
import { loadArtifact } from '../test-run/artifact.js';
import { onPlatform, openLocalPlatform, type LocalPlatformOptions } from '../test-run/local-platform.js';
import { provideTestTemporal } from '../test-run/temporal.js';
import { runOnce, type TestOutcome } from '../test-run/run-once.js';
import { renderStep } from '../timeline/render.js';

export interface TestOptions extends LocalPlatformOptions {
  input: string;
  dir?: string;
}

/**
 * Runs a workflow of the project once, here, from the artifact that `push` would publish.
 * @returns 0 when it completed, 1 when it did not
 */
export async function test(context: Context, name: string, options: TestOptions): Promise<number> {
  const { out } = context;
  const root = await locateProject(context, { dir: options.dir, workflow: name });
  const project = await loadProject(root);
  const workflow = workflowNamed(project, name);
  const platform = await openLocalPlatform(context, workflow, options);
  const folder = await realpath(await mkdtemp(path.join(tmpdir(), 'pegasus-run-')));
  try {
    const packaged = await buildWorkflow(context, project, workflow, { outDir: folder });
    const artifact = await loadArtifact(packaged.zipPath, folder);
    const temporal = await provideTestTemporal(context);
    try {
      out.note(out.noteColors.quiet(`${name}@${workflow.version} on ${temporal.source}`));
      const outcome = await untilInterrupted((signal) =>
        runOnce({
          settings: temporal.settings,
          name,
          artifact: { ...artifact, activities: onPlatform(platform, artifact.activities) },
          argument: argumentOf(options.input),
          signal,
          onStep: (step) => {
            for (const line of renderStep(step, { colors: out.colors, width: out.width })) out.line(line);
          },
          onLog: (line) => out.note(out.noteColors.quiet(line)),
        }),
      );
      if (outcome === 'interrupted') return INTERRUPTED;
      return report(context, name, outcome, platform);
    } finally {
      await temporal.close();
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * What the workflow is given: text as it is; JSON as it is, except that a plain object becomes a manual run's argument,
 * as `run --input` makes it on the platform.
 */
export function argumentOf(input: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(input);
  } catch {
    return input;
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  if ('executionId' in value || 'domainEventId' in value) return value;
  return { executionId: randomUUID(), input: value };
}

function report(
  { out }: Context,
  name: string,
  outcome: TestOutcome,
  { dryRun, mutations }: Pick<LocalPlatform, 'dryRun' | 'mutations'>,
): number {
  const { colors } = out;
  out.line(`${paintStatus(outcome.status, colors)} in ${formatDuration(outcome.durationMs)}`);
  if (outcome.error !== null) {
    const [first = '', ...rest] = outcome.error.split('\n');
    out.line(`${colors.quiet('error'.padEnd(10))}${colors.bad(first)}`);
    for (const line of rest) out.line(`${' '.repeat(10)}${colors.bad(line)}`);
  } else out.line(`${colors.quiet('result'.padEnd(10))}${JSON.stringify(outcome.result ?? null)}`);
  const label = (dryRun ? 'would do' : 'did').padEnd(10);
  for (const { method, args } of mutations)
    out.line(`${colors.quiet(label)}${method} ${JSON.stringify(args)}`);
  out.result({ workflow: name, ...outcome, mutations });
  return outcome.status === 'COMPLETED' ? 0 : 1;
}
