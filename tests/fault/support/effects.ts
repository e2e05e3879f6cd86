import { type Effect } from './third-party.js';

/** A request may be in the socket while the kill strikes, and be seen this many milliseconds later. */
const IN_THE_SOCKET_MS = 500;

/**
 * What is wrong with one run's effects; empty when nothing is.
 *
 * 1. Every step from 1 to `steps` has had its effect, and no other step.
 * 2. A step is repeated only if a kill lies between its two effects: it was the one in flight.
 * 3. One kill repeats one step of a run at most, because its steps run one after the other.
 * 4. No step begins before the one before it.
 *
 * @param kills instants of the kills, `performance.now()`
 */
export function problemsOf(effects: readonly Effect[], steps: number, kills: readonly number[]): string[] {
  const problems: string[] = [];
  const seen = new Set(effects.map(({ step }) => step));
  for (let step = 1; step <= steps; step += 1) {
    if (!seen.has(step)) problems.push(`step ${step} never had its effect`);
  }
  for (const step of seen) {
    if (!Number.isInteger(step) || step < 1 || step > steps) problems.push(`there is no step ${step}`);
  }
  const blamed = new Set<number>();
  for (const [index, effect] of effects.entries()) {
    const earlier = effects.slice(0, index);
    if (effect.step > 1 && !earlier.some(({ step }) => step === effect.step - 1)) {
      problems.push(`step ${effect.step} began before step ${effect.step - 1}`);
    }
    const before = earlier.findLast(({ step }) => step === effect.step);
    if (!before) continue;
    const kill = kills.find((at) => !blamed.has(at) && at >= before.at - IN_THE_SOCKET_MS && at <= effect.at);
    if (kill === undefined)
      problems.push(`step ${effect.step} had its effect again, and no kill explains it`);
    else blamed.add(kill);
  }
  return problems;
}
