import { PegasusError } from '@pegasus-workflows/contracts/errors';
import { type Project, type ProjectWorkflow } from '@pegasus-workflows/project/manifest';
import { localCode } from '@pegasus-workflows/project/replay';
import { type PegasusClient } from 'pegasus-workflows-sdk/client';
import { type Context } from '../context.js';
import { withProgress } from '../output/progress.js';
import { publishedVersions } from '../workflows/resolve.js';
import { divergenceSentence } from './report.js';
import { allFit, replayRuns, type ReplayRow } from './replay-runs.js';
import { fromExecution, latestRuns } from './sources.js';

/**
 * Replays the newest runs of every published version of a project's workflows against the local code. A workflow that
 * has none published has nothing to fit.
 *
 * @param count runs of each version
 * @throws PegasusError REPLAY_DIVERGED, its `data` all rows, when the code does not fit one of them
 */
export async function replayGate(
  context: Context,
  client: PegasusClient,
  project: Project,
  workflows: readonly ProjectWorkflow[],
  count: number,
  signal: AbortSignal,
): Promise<ReplayRow[]> {
  const rows: ReplayRow[] = [];
  for (const workflow of workflows) {
    const replayed = await withProgress(context.out, `replaying ${workflow.name}`, async (update) => {
      const versions = await publishedVersions(client, workflow.name);
      const runs = await latestRuns(client, versions, count);
      return replayRuns({
        workflow: workflow.name,
        code: localCode(project, workflow),
        candidates: runs.map((run) => fromExecution(client, run)),
        signal,
        onNext: (_candidate, index) => update(`${index + 1} of ${runs.length}`),
      });
    });
    rows.push(...replayed);
  }
  if (allFit(rows)) return rows;
  const wrong = rows.filter(({ verdict }) => verdict === 'diverged' || verdict === 'failed');
  throw new PegasusError(
    'REPLAY_DIVERGED',
    `Nothing was published: the code does not fit ${wrong.length} of ${rows.length} recorded ${rows.length === 1 ? 'run' : 'runs'}.`,
    {
      problems: wrong.map(
        ({ workflow, version, source, divergence, reason }) =>
          `${workflow}@${version} run ${source} ${divergence ? divergenceSentence(divergence) : `cannot be replayed: ${reason}`}`,
      ),
      data: rows,
      hint: "Guard the changed step with patched('…'), or leave it as it was; look closer: pegasus-workflows replay",
    },
  );
}
