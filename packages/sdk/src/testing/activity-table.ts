import { activityInfo } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import type { LocalPlatform } from './local-platform/local-platform.js';

/** Activities by name: real ones or mocks, any function of the right shape. */
export type Activities = object;
type AnyActivity = (...args: unknown[]) => unknown;

/**
 * Job: let tests change what an activity does while the worker that runs it goes on.
 *
 * Boundary: the worker sees one activity, Temporal's catch-all; this table decides by name what it does.
 *
 * Invariants
 * 1. The mock added last wins; undoing a mock restores what was there, in whatever order mocks are undone.
 * 2. An activity that nobody defined fails the workflow at once: Temporal would retry it for ever, and the test hang.
 */
export class ActivityTable {
  readonly #layers: { functions: Map<string, AnyActivity> }[] = [];
  /** What activities find as their platform from now on. */
  platform: LocalPlatform | undefined;

  constructor(activities: Activities, platform?: LocalPlatform) {
    this.platform = platform;
    this.add(activities);
  }

  /** Puts functions over those there; the result takes them away again. Throws a TypeError naming what is no function. */
  add(activities: Activities): () => void {
    const functions = new Map<string, AnyActivity>();
    for (const [name, value] of Object.entries(activities)) {
      if (typeof value === 'function') functions.set(name, value);
      // A module's namespace also holds its constants; an object made by hand holds a mistake.
      else if (Object.prototype.toString.call(activities) !== '[object Module]')
        throw new TypeError(`Activity ${name} must be a function.`);
    }
    const layer = { functions };
    this.#layers.push(layer);
    return () => {
      const index = this.#layers.indexOf(layer);
      if (index >= 0) this.#layers.splice(index, 1);
    };
  }

  /** What the worker registers. */
  get registered(): { default: AnyActivity } {
    return { default: (...args) => this.#run(activityInfo().activityType, args) };
  }

  #run(name: string, args: unknown[]): unknown {
    const found = this.#layers.findLast(({ functions }) => functions.has(name))?.functions.get(name);
    if (found) return this.platform ? this.platform.run(() => found(...args)) : found(...args);
    const names = [...new Set(this.#layers.flatMap(({ functions }) => [...functions.keys()]))];
    throw ApplicationFailure.nonRetryable(
      `No activity ${name} in this test; there ${names.length === 1 ? 'is' : 'are'}: ${names.join(', ') || 'none'}. Pass it to createTestHarness or mockActivities.`,
      'UnknownActivity',
    );
  }
}
