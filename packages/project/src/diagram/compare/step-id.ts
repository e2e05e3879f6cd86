import type { StepKind } from '../code/steps.js';

/** Kinds that a node can say it is, by its class or by a prefix: the compared ones, and updates. */
export type ClaimKind = StepKind | 'update';
export const CLAIM_KINDS: readonly ClaimKind[] = ['activity', 'signal', 'child', 'update'];

/**
 * The id of the node that `--draw` makes for a step: `activity_sendReminder`; further uses of the same step end in
 * `__2`, `__3`. Characters that no Mermaid id may hold are `_`, or their code point where they are letters.
 */
export function stepId(kind: string, name: string): string {
  const safe = name
    .slice(0, 200)
    .replace(/[^\p{L}\p{N}_]/gu, '_')
    .replace(/[^A-Za-z0-9_]/gu, (letter) => `u${letter.codePointAt(0)!.toString(16)}`);
  return `${kind}_${safe}`;
}

/** An id without the number of a further use. */
export function withoutUse(id: string): string {
  return id.replace(/__\d{1,6}$/, '');
}

/** What an id in the form of {@link stepId} says. */
export function readStepId(id: string): { kind: ClaimKind; name: string } | undefined {
  const kind = CLAIM_KINDS.find((one) => id.startsWith(`${one}_`));
  const name = kind && withoutUse(id).slice(kind.length + 1);
  return kind && name ? { kind, name } : undefined;
}
