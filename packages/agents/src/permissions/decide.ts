import { type Ceiling } from './ceiling.js';
import { type Effect, type PathRef } from './effects.js';
import { pathSet, type Fold, type PathSet } from './patterns.js';
import { strictest, type Ruling } from './verdict.js';

/** What may be done about a call, and the rule that decided. */
export interface Decision extends Ruling {
  /** One sentence for the person who is asked, or for the agent that is refused. */
  why: string;
}

/**
 * Folders that no tool writes: git's own, whose hooks and settings run programs, and the log and the rules of the
 * dispatcher. Git itself writes them when it is run.
 */
const PROTECTED = ['.git', '.pugi'];

const exact: Fold = (name) => name;

/** Decides about calls under one ceiling. Pure: the same effects are decided alike every time. */
export class PermissionEngine {
  readonly #ceiling: Ceiling;
  readonly #fold: Fold;
  readonly #denied: PathSet;
  readonly #allowed: readonly PathSet[];

  /** @param fold how the workspace's file system makes names alike; unless given, it does not */
  constructor(ceiling: Ceiling, fold: Fold = exact) {
    this.#ceiling = ceiling;
    this.#fold = fold;
    this.#denied = pathSet(ceiling.denied, fold);
    this.#allowed = ceiling.allowed.map((patterns) => pathSet(patterns, fold));
  }

  /** The strictest of what is to be said of each effect. A call without effects is one that nobody has looked at. */
  decide(effects: readonly Effect[]): Decision {
    const decided = strictest(effects.flatMap((effect) => this.#rulings(effect)));
    if (!decided) return { verdict: 'deny', rule: 'no-effects', why: 'It is not known what the call does.' };
    if (decided.verdict === 'ask' && !this.#ceiling.attended) {
      return {
        verdict: 'deny',
        rule: 'nobody-to-ask',
        why: `${decided.why} It would have to be asked for (${decided.rule}), and nobody can answer.`,
      };
    }
    return decided;
  }

  #rulings(effect: Effect): Decision[] {
    const ofKind = { ...this.#ceiling.kinds[effect.kind], why: sentenceOf(effect) };
    if (effect.kind !== 'read' && effect.kind !== 'write') return [ofKind];
    // What is said of the place comes first, for it says more than what is said of the mode.
    return [...this.#placeRulings(effect.kind, effect.path, effect.subtree ?? false), ofKind];
  }

  *#placeRulings(kind: 'read' | 'write', path: PathRef, subtree: boolean): Generator<Decision> {
    const { requested, real, through, links } = path;
    const named = JSON.stringify(requested);
    const deny = (rule: string, why: string): Decision => ({ verdict: 'deny', rule, why });
    if (real === undefined) {
      yield deny('path:outside', `${named} leads out of the workspace.`);
      return;
    }
    const names = [real, ...through];
    const isDenied = subtree ? this.#denied.mayReach : this.#denied.covers;
    if (names.some(isDenied))
      yield deny('path:denied', `${named} is ${subtree ? 'above, or in, ' : ''}a place that is denied.`);
    // What is written may be a link itself: it is taken away, or something is put in its place.
    const mustBeAllowed = kind === 'write' ? names : [real];
    if (!this.#allowed.every((set) => mustBeAllowed.every(set.covers)))
      yield deny('path:not-allowed', `${named} is not in the paths that are allowed.`);
    if (kind !== 'write') return;
    if (names.some((name) => this.#isProtected(name, subtree)))
      yield deny('path:protected', `${named} is git's own, or the dispatcher's.`);
    if (links > 1)
      yield {
        verdict: 'ask',
        rule: 'path:hard-link',
        why: `${named} has ${links} names, and another one may be in a place that is not allowed.`,
      };
  }

  #isProtected(path: string, subtree: boolean): boolean {
    // A tree that has the workspace's own .git in it is the workspace.
    if (subtree && path === '') return true;
    return this.#fold(path)
      .split('/')
      .some((part) => PROTECTED.includes(part.toLowerCase()));
  }
}

function sentenceOf(effect: Effect): string {
  switch (effect.kind) {
    case 'read':
      return `It reads ${JSON.stringify(effect.path.requested)}.`;
    case 'write':
      return `It writes ${JSON.stringify(effect.path.requested)}.`;
    case 'bash':
      return 'It runs a command line.';
    case 'execute':
      return `It runs the program ${JSON.stringify(effect.program)}.`;
    case 'network':
      return `It calls ${effect.host === undefined ? 'the network' : JSON.stringify(effect.host)}.`;
    case 'unknown':
      return `It is not understood: ${effect.what}.`;
  }
}
