import { parseTemporalWorkflowId } from '@pegasus-workflows/contracts';
import { errorForLog } from '../infra/error-log.js';
import { followCloses, type CloseFollowParts, type TemporalRun } from './close-follow.js';

/**
 * Job: rows follow what a runner's gateway has just seen closing.
 *
 * Boundary: an accelerator, for the runs that no watcher follows. A notice says only where to look: Temporal is asked, and a notice that is lost, early or
 * untrue costs a question. The close feed and the reconciler find the rest.
 *
 * Invariants
 * 1. `note` answers at once; what it leads to never rejects.
 * 2. Child runs and strangers' ids are passed over, and runs that are watched: their watcher hears as much, as soon.
 */
export class CloseNotices {
  readonly #parts: CloseFollowParts;
  readonly #stop = new AbortController();
  readonly #following = new Set<Promise<void>>();

  constructor(
    parts: CloseFollowParts,
    private readonly isWatched: (executionId: string) => boolean,
  ) {
    this.#parts = parts;
  }

  note(runs: readonly TemporalRun[]): void {
    const known = new Map<string, TemporalRun>();
    for (const run of runs) {
      const id = parseTemporalWorkflowId(run.workflowId)?.executionId;
      if (id && !this.isWatched(id)) known.set(id, run);
    }
    if (known.size === 0 || this.#stop.signal.aborted) return;
    const following = followCloses(this.#parts, known, this.#stop.signal)
      .catch((error: unknown) => {
        if (!this.#stop.signal.aborted)
          this.#parts.logger.debug({ error: errorForLog(error) }, 'close notices could not be followed');
      })
      .finally(() => this.#following.delete(following));
    this.#following.add(following);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#following);
  }
}
