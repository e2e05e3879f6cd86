import { PegasusError } from '@pegasus-workflows/contracts/errors';
import { loadProject, type Project, type ProjectWorkflow } from '@pegasus-workflows/project/manifest';
import { localCode } from '@pegasus-workflows/project/replay';
import { type PegasusClient } from 'pegasus-workflows-sdk/client';
import { connect } from '../api.js';
import { type Context } from '../context.js';
import { withProgress } from '../output/progress.js';
import { locateProject } from '../project/locate.js';
import { workflowNamed } from '../project/workflow-named.js';
import { allFit, replayRuns, type ReplayRow } from '../replay/replay-runs.js';
import { reportRows } from '../replay/report.js';
import {
  fromExecution,
  fromFile,
  latestRuns,
  readSources,
  type Candidate,
  type Source,
} from '../replay/sources.js';
import { findExecution } from '../runs/find.js';
import { INTERRUPTED, untilInterrupted } from '../runs/interrupt.js';
import { resolveVersions, type Where } from '../workflows/resolve.js';

export interface ReplayOptions extends Where {
  from?: string[];
}

/**
 * Replays recorded histories against the local code.
 * @returns 0 when the code fits all of them, 1 when it does not
 */
export async function replay(
  context: Context,
  name: string | undefined,
  options: ReplayOptions,
): Promise<number> {
  const { out } = context;
  const sources = readSources(options.from ?? ['latest'], context.cwd);
  const root = await locateProject(context, { dir: options.dir, workflow: name });
  const project = await loadProject(root);
  const targets = chooseTargets(project, name, options.from !== undefined);
  const done = await untilInterrupted(async (signal) => {
    const rows: ReplayRow[] = [];
    for (const workflow of targets)
      rows.push(...(await replayWorkflow(context, project, workflow, sources, options, signal)));
    return rows;
  });
  if (done === 'interrupted') {
    out.note('Cancelled.');
    return INTERRUPTED;
  }
  return report(context, done, targets);
}

function chooseTargets(project: Project, name: string | undefined, chosen: boolean): ProjectWorkflow[] {
  if (name !== undefined) return [workflowNamed(project, name)];
  if (!chosen || project.workflows.length === 1) return project.workflows;
  throw new PegasusError('VALIDATION_ERROR', 'Say which workflow the histories are of.', {
    hint: `Name one before --from: ${project.workflows.map((workflow) => workflow.name).join(', ')}.`,
  });
}

async function replayWorkflow(
  context: Context,
  project: Project,
  workflow: ProjectWorkflow,
  sources: readonly Source[],
  where: Where,
  signal: AbortSignal,
): Promise<ReplayRow[]> {
  return withProgress(context.out, `replaying ${workflow.name}`, async (update) => {
    const code = localCode(project, workflow);
    const candidates = await gather(context, workflow.name, sources, where);
    return replayRuns({
      workflow: workflow.name,
      code,
      candidates,
      signal,
      onNext: (candidate, index) => update(`${index + 1} of ${candidates.length}, ${candidate.source}`),
    });
  });
}

/** All histories of the sources, each run once. The platform is asked only where a source is on it. */
async function gather(
  context: Context,
  name: string,
  sources: readonly Source[],
  where: Where,
): Promise<Candidate[]> {
  const found = new Map<string, Candidate>();
  const keep = (candidate: Candidate): void => void found.set(candidate.source, candidate);
  for (const source of sources) if (source.kind === 'file') keep(await fromFile(source.file, context.cwd));
  if (sources.every(({ kind }) => kind === 'file')) return [...found.values()];
  const { client } = await connect(context);
  const versions = await resolveVersions(context, client, name, where);
  for (const source of sources)
    for (const candidate of await onPlatform(client, versions, source)) keep(candidate);
  return [...found.values()];
}

async function onPlatform(
  client: PegasusClient,
  versions: Parameters<typeof latestRuns>[1],
  source: Source,
): Promise<Candidate[]> {
  switch (source.kind) {
    case 'file':
      return [];
    case 'execution':
      return [fromExecution(client, await findExecution(client, versions, source.id))];
    case 'latest': {
      const runs = await latestRuns(client, versions, source.count);
      return runs.map((run) => fromExecution(client, run));
    }
  }
}

function report(context: Context, rows: readonly ReplayRow[], targets: readonly ProjectWorkflow[]): number {
  const { out } = context;
  const count = (verdict: ReplayRow['verdict']): number =>
    rows.filter((row) => row.verdict === verdict).length;
  const ok = allFit(rows);
  out.result({
    ok,
    replayed: rows.length - count('skipped'),
    diverged: count('diverged'),
    failed: count('failed'),
    skipped: count('skipped'),
    runs: rows,
  });
  if (rows.length === 0) {
    const names = targets.map((workflow) => workflow.name).join(', ');
    out.line(`No runs of ${names} yet, so there is nothing to replay.`);
    return 0;
  }
  reportRows(context, rows);
  const fits = `${count('ok')} of ${rows.length - count('skipped')} ${rows.length === 1 ? 'run fits' : 'runs fit'} the code`;
  out.line();
  out.line(ok ? out.colors.good(`✓ ${fits}`) : out.colors.bad(`✗ ${fits}`));
  if (count('diverged') > 0)
    out.note(
      `${out.noteColors.command('next:')} Guard the changed step with patched('…'), or leave it as it was.`,
    );
  return ok ? 0 : 1;
}
