import { type Isolation, type PermissionMode, type SubagentTask } from '@pegasus-workflows/contracts/agents';
import { z } from 'zod';
import { EFFECT_KINDS, type EffectKind } from './effects.js';
import { MODE_VERDICTS, TIER_VERDICTS } from './modes.js';
import { normalPattern } from './patterns.js';
import { strictest, VERDICTS, type Ruling } from './verdict.js';

/**
 * Job: how far a dispatch may go at most, as data that goes with it wherever it runs.
 *
 * Boundary: pure. A ceiling is made once, when a task is dispatched; nothing downstream reads modes or tiers again.
 *
 * Invariants
 * 1. A child's ceiling is the meet of its own and its parent's, which is the meet of all above: no call that an
 *    ancestor's ceiling denies is allowed by it.
 * 2. A meet never widens: verdicts become the strictest, allowed paths have to be in every list, denied ones add up.
 * 3. It is plain JSON; one that has been parsed again decides as it did before.
 */
const rulingSchema = z.strictObject({ verdict: z.enum(VERDICTS), rule: z.string().min(1) });

export const ceilingSchema = z.strictObject({
  kinds: z.strictObject(
    Object.fromEntries(EFFECT_KINDS.map((kind) => [kind, rulingSchema])) as Record<
      EffectKind,
      typeof rulingSchema
    >,
  ),
  /** A path has to be covered by each of the lists. */
  allowed: z.array(z.array(z.string())),
  denied: z.array(z.string()),
  /** Whether anybody can answer. What would be asked is denied otherwise. */
  attended: z.boolean(),
});
export type Ceiling = z.output<typeof ceilingSchema>;

export interface CeilingRequest extends Pick<SubagentTask, 'allowedPaths' | 'deniedPaths'> {
  permissionMode: PermissionMode;
  isolation: Isolation;
  /** Whether there is anybody who may be asked; `dontAsk` asks nobody in any case. */
  attended: boolean;
}

/** The ceiling that a task has of itself. Throws VALIDATION_ERROR for a path that is no pattern. */
export function ceilingOf(request: CeilingRequest): Ceiling {
  const { permissionMode, isolation, allowedPaths, deniedPaths = [], attended } = request;
  const kinds = kindsOf((kind) => [
    { verdict: MODE_VERDICTS[permissionMode][kind], rule: `mode:${permissionMode}` },
    { verdict: TIER_VERDICTS[isolation][kind], rule: `tier:${isolation}` },
  ]);
  return {
    kinds,
    allowed: allowedPaths ? [allowedPaths.map((path, at) => normalPattern(path, `allowedPaths.${at}`))] : [],
    denied: unique(deniedPaths.map((path, at) => normalPattern(path, `deniedPaths.${at}`))),
    attended: attended && permissionMode !== 'dontAsk',
  };
}

/** Invariant 2. */
export function meet(one: Ceiling, other: Ceiling): Ceiling {
  return {
    kinds: kindsOf((kind) => [one.kinds[kind], other.kinds[kind]]),
    allowed: unique([...one.allowed, ...other.allowed]),
    denied: unique([...one.denied, ...other.denied]),
    attended: one.attended && other.attended,
  };
}

/** The ceiling of a task that a dispatch under `parent` hands on (invariant 1). Throws VALIDATION_ERROR. */
export function childCeiling(parent: Ceiling, request: CeilingRequest): Ceiling {
  return meet(parent, ceilingOf(request));
}

/**
 * What a dispatch may do itself, and what those may do at most to whom it hands work on. The two differ for
 * `prompt_only` alone: it has no tools of its own, which says nothing of its children; its mode and its paths bind them.
 * @param parent what the parent hands on; absent for the first of all
 */
export function ceilingsOf(
  parent: Ceiling | undefined,
  request: CeilingRequest,
): { own: Ceiling; handedOn: Ceiling } {
  const under = (ceiling: Ceiling): Ceiling => (parent ? meet(parent, ceiling) : ceiling);
  const own = ceilingOf(request);
  if (request.isolation !== 'prompt_only') return { own: under(own), handedOn: under(own) };
  const { permissionMode } = request;
  const byMode = kindsOf((kind) => [
    { verdict: MODE_VERDICTS[permissionMode][kind], rule: `mode:${permissionMode}` },
  ]);
  return { own: under(own), handedOn: under({ ...own, kinds: byMode }) };
}

function kindsOf(rulings: (kind: EffectKind) => Ruling[]): Ceiling['kinds'] {
  return Object.fromEntries(EFFECT_KINDS.map((kind) => [kind, strictest(rulings(kind))])) as Ceiling['kinds'];
}

function unique<T>(values: readonly T[]): T[] {
  return [...new Map(values.map((value) => [JSON.stringify(value), value])).values()];
}
