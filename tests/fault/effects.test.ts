import { describe, expect, it } from 'vitest';
import { problemsOf } from './support/effects.js';

/** The judge of the fault suite, judged: each thing it exists to find, it finds. */
describe('problemsOf', () => {
  const run = (...steps: number[]) =>
    steps.map((step, index) => ({ workflowId: 'run', step, at: 10_000 * (index + 1) }));

  it('finds nothing wrong with a run that was never disturbed', () => {
    expect(problemsOf(run(1, 2, 3), 3, [])).toEqual([]);
  });
  it('accepts the step in flight at a kill once more', () => {
    expect(problemsOf(run(1, 2, 2, 3), 3, [25_000])).toEqual([]);
  });
  it('finds a missing step', () => {
    expect(problemsOf(run(1, 2), 3, [])).toEqual(['step 3 never had its effect']);
  });
  it('finds a step out of turn and one that does not exist', () => {
    expect(problemsOf(run(2, 1, 3, 4), 3, [])).toEqual(['there is no step 4', 'step 2 began before step 1']);
  });
  it('finds a repeated step that no kill explains', () => {
    const again = ['step 2 had its effect again, and no kill explains it'];
    expect(problemsOf(run(1, 2, 2, 3), 3, [])).toEqual(again);
    expect(problemsOf(run(1, 2, 2, 3), 3, [35_000])).toEqual(again);
  });
  it('lets one kill explain one repetition', () => {
    expect(problemsOf(run(1, 2, 2, 2, 3), 3, [25_000])).toHaveLength(1);
    expect(problemsOf(run(1, 2, 2, 2, 3), 3, [25_000, 35_000])).toEqual([]);
  });
});
