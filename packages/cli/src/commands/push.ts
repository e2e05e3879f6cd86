import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type Workflow } from '@pegasus-workflows/contracts';
import { type PackagedWorkflow } from '@pegasus-workflows/project/package';
import { loadProject, type Project, type ProjectWorkflow } from '@pegasus-workflows/project/manifest';
import { type PegasusClient } from 'pegasus-workflows-sdk/client';
import { connect } from '../api.js';
import { type Context } from '../context.js';
import { buildWorkflow, exitCodeOf, forEachWorkflow } from '../packaging/build.js';
import { publishDevVersion } from '../packaging/dev-version.js';
import { publishPackage } from '../packaging/publish.js';
import { packagedLine, printFailure, warnOfDiagram } from '../packaging/report.js';
import { takenOver } from '../workflows/triggers.js';
import { recordDeployment } from '../project/ledger.js';
import { locateProject } from '../project/locate.js';
import { INTERRUPTED, untilInterrupted } from '../runs/interrupt.js';

export interface PushOptions {
  dir?: string;
  env?: string;
  /** Publish as the next `<version>-dev.N` and leave the ledger alone. */
  dev?: boolean;
  /** Refuse a diagram that differs from the code. */
  strict?: boolean;
  /** Replay recorded runs before, and publish nothing when the code does not fit one of them. */
  replay?: boolean;
  /** Runs of each version to replay. */
  replayLatest?: string;
  /** Triggers of earlier versions start the new one from then on. */
  takeOverTriggers?: boolean;
}

interface Pushed {
  workflow: Workflow;
  packaged: PackagedWorkflow;
  /** Triggers that were taken over, when that was asked for. */
  triggers?: number;
}

/**
 * Packages, publishes and records every workflow of the project. A ledger that cannot be written is a warning: what
 * was published is published.
 *
 * @returns 0 when all were published, else the exit code of the first failure
 */
export async function push(context: Context, options: PushOptions): Promise<number> {
  const { out } = context;
  const root = await locateProject(context, options);
  const { client } = await connect(context);
  if (options.replay || options.replayLatest !== undefined) {
    const passed = await passesReplay(context, client, root, options.replayLatest);
    if (!passed) return INTERRUPTED;
  }
  const outcomes = await forEachWorkflow<Pushed>(root, async (project, declared) => {
    const strictly = options.strict ? { strict: true } : {};
    if (options.dev) {
      const pushed = await pushDev(context, client, project, declared, strictly);
      return { ...pushed, ...(await takeOver(context, client, pushed.workflow, options)) };
    }
    const packaged = await buildWorkflow(context, project, declared, strictly);
    const workflow = await publishPackage(context, client, packaged);
    await recordDeployment(context, root, {
      env: options.env,
      baseUrl: client.baseUrl,
      workflow,
      ofSeveral: project.workflows.length > 1,
    });
    out.line(`${packagedLine(context, packaged)}`);
    await warnOfDiagram(context, declared, packaged.diagramCheck);
    out.line(`  published as ${workflow.visibility} ${workflow.id}`);
    return { workflow, packaged, ...(await takeOver(context, client, workflow, options)) };
  });
  for (const outcome of outcomes)
    if ('failure' in outcome) printFailure(context, outcome.workflow, outcome.failure);
  const [first] = outcomes;
  if (first && 'value' in first && outcomes.length === 1)
    out.note(out.noteColors.quiet(`run it: pegasus-workflows run ${first.workflow.name} --follow`));
  out.result(
    outcomes.map(({ workflow: { name, version }, ...outcome }) => {
      if ('failure' in outcome) return { name, version, ...outcome.failure };
      const { workflow, packaged, triggers } = outcome.value;
      const { sizeBytes, sha256, durationMs, diagramCheck } = packaged;
      return {
        name,
        version,
        workflowId: workflow.id,
        visibility: workflow.visibility,
        sizeBytes,
        sha256,
        durationMs,
        diagramCheck,
        ...(triggers === undefined ? {} : { triggers }),
      };
    }),
  );
  return exitCodeOf(outcomes);
}

/** Moves the triggers of earlier versions, when that was asked for. What was published stays so when it fails. */
async function takeOver(
  { out }: Context,
  client: PegasusClient,
  workflow: Workflow,
  { takeOverTriggers }: PushOptions,
): Promise<{ triggers?: number }> {
  if (!takeOverTriggers) return {};
  const moved = await client.triggers.takeOver(workflow.id);
  out.line(`  ${takenOver(moved.length, workflow)}`);
  return { triggers: moved.length };
}

/** @returns false when Ctrl-C came before it was known @throws PegasusError REPLAY_DIVERGED */
async function passesReplay(
  context: Context,
  client: PegasusClient,
  root: string,
  latest: string | undefined,
): Promise<boolean> {
  const { replayGate } = await import('../replay/gate.js');
  const { DEFAULT_LATEST, readCount } = await import('../replay/sources.js');
  const count = latest === undefined ? DEFAULT_LATEST : readCount(latest);
  const project = await loadProject(root);
  const rows = await untilInterrupted((signal) =>
    replayGate(context, client, project, project.workflows, count, signal),
  );
  if (rows === 'interrupted') return false;
  const { out } = context;
  out.note(
    out.noteColors.quiet(
      `replay: the code fits ${rows.length} recorded ${rows.length === 1 ? 'run' : 'runs'}`,
    ),
  );
  return true;
}

/** A version for trying out: not recorded, since the next change has another one. */
async function pushDev(
  context: Context,
  client: PegasusClient,
  project: Project,
  declared: ProjectWorkflow,
  strictly: { strict?: boolean },
): Promise<Pushed> {
  const outDir = await mkdtemp(path.join(tmpdir(), 'pegasus-push-'));
  try {
    const { unchanged, ...pushed } = await publishDevVersion(
      context,
      client,
      project,
      declared,
      outDir,
      strictly,
    );
    const { out } = context;
    out.line(`${packagedLine(context, pushed.packaged)}`);
    await warnOfDiagram(context, declared, pushed.packaged.diagramCheck);
    out.line(
      `  ${unchanged ? 'published before' : 'published'} as ${pushed.workflow.visibility} ${pushed.workflow.id}`,
    );
    return pushed;
  } finally {
    await rm(outDir, { recursive: true, force: true });
  }
}
