import { type ExecutionStatus } from '@pegasus-workflows/contracts';
import { replayHistories, type Divergence, type ReplayedCode } from '@pegasus-workflows/project/replay';
import { HistoryGone, type Candidate } from './sources.js';

/** What became of one history; the same in `--json`. */
export interface ReplayRow {
  workflow: string;
  /** Id of the run, or the file. */
  source: string;
  version: string | null;
  /** Of a run of the platform; a file's history says no more than whether it was open. */
  status: ExecutionStatus | null;
  verdict: 'ok' | 'diverged' | 'failed' | 'skipped';
  /** Of a divergence: both sides. */
  divergence?: Divergence;
  /** Of what failed or was skipped: why. */
  reason?: string;
  /** Where in the author's code it failed: `order/workflow.ts:41`. */
  at?: string;
}

export interface ReplayRunsOptions {
  workflow: string;
  code: ReplayedCode;
  candidates: readonly Candidate[];
  signal: AbortSignal;
  /** Called before each history, with its place among them. */
  onNext?: (candidate: Candidate, index: number) => void;
  onRow?: (row: ReplayRow) => void;
}

/** Fetches and replays one history after the other. One that is gone is skipped: retention ends, and that breaks nothing. */
export async function replayRuns(options: ReplayRunsOptions): Promise<ReplayRow[]> {
  const rows: ReplayRow[] = [];
  for (const [index, candidate] of options.candidates.entries()) {
    options.signal.throwIfAborted();
    options.onNext?.(candidate, index);
    const row = await replayOne(options, candidate);
    rows.push(row);
    options.onRow?.(row);
  }
  return rows;
}

async function replayOne(
  { workflow, code, signal }: ReplayRunsOptions,
  candidate: Candidate,
): Promise<ReplayRow> {
  const row = {
    workflow,
    source: candidate.source,
    version: candidate.version ?? null,
    status: candidate.status ?? null,
  };
  try {
    const [result] = await replayHistories({ code, histories: [await candidate.load()], signal });
    return { ...row, ...(result ?? { verdict: 'ok' as const }) };
  } catch (error) {
    if (!(error instanceof HistoryGone)) throw error;
    return { ...row, verdict: 'skipped', reason: error.message };
  }
}

/** Whether the code may be published as far as these histories tell. */
export function allFit(rows: readonly ReplayRow[]): boolean {
  return rows.every(({ verdict }) => verdict === 'ok' || verdict === 'skipped');
}
