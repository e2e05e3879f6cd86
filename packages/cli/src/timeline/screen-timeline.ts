import { type History } from '@pegasus-workflows/contracts';
import { Region, type Screen } from './region.js';
import { renderStep, type RenderOptions } from './render.js';
import { toSteps } from './steps.js';

/**
 * Job: a run's timeline on a terminal while it happens: what has ended is written once, what is open is redrawn below.
 *
 * Boundary: draws into a {@link Region}; the caller reads histories.
 *
 * Invariants
 * 1. A step is written for good once it and every step before it have ended; until then it is in the region.
 * 2. The history of a continued run begins anew: what was open of the one before stays as it was last seen.
 */
export class ScreenTimeline {
  readonly #region: Region;
  readonly #screen: Screen;
  #committed = 0;
  #firstEvent: string | undefined;

  constructor(
    screen: Screen,
    private readonly options: Pick<RenderOptions, 'colors'>,
  ) {
    this.#screen = screen;
    this.#region = new Region(screen);
  }

  /** Shows a history as it is now. @param ended whether nothing of it can change any more */
  show(history: History, ended = false): void {
    const first = history.events[0]?.timestamp;
    if (first === undefined) return;
    if (first !== this.#firstEvent) {
      this.#firstEvent = first;
      this.#committed = 0;
    }
    const steps = toSteps(history).slice(this.#committed);
    const open = ended ? -1 : steps.findIndex(({ state }) => state === 'running');
    const final = open < 0 ? steps : steps.slice(0, open);
    const live = open < 0 ? [] : steps.slice(open);
    const options = { ...this.options, width: this.#screen.columns ?? 80 };
    this.#committed += final.length;
    this.#region.update(
      final.flatMap((step) => renderStep(step, options)),
      live.flatMap((step) => renderStep(step, options)),
    );
  }
}
