import {
  ISOLATION_TIERS,
  PERMISSION_MODES,
  type Isolation,
  type PermissionMode,
} from '@pegasus-workflows/contracts/agents';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { foldOf } from '../paths/traits.js';
import {
  ceilingOf,
  ceilingSchema,
  childCeiling,
  meet,
  type Ceiling,
  type CeilingRequest,
} from './ceiling.js';
import { PermissionEngine, type Decision } from './decide.js';
import { EFFECT_KINDS, type Effect, type PathRef } from './effects.js';
import { isAtMost } from './verdict.js';

/** Ceilings and decisions: `ceiling.ts`, its invariants by number. */

const at = (real: string | undefined, more: Partial<PathRef> = {}): PathRef => ({
  requested: real ?? '../elsewhere',
  real,
  through: [],
  links: real === undefined ? 0 : 1,
  ...more,
});
const request = (more: Partial<CeilingRequest> = {}): CeilingRequest => ({
  permissionMode: 'bypassPermissions',
  isolation: 'worktree',
  attended: true,
  ...more,
});
const decide = (more: Partial<CeilingRequest>, ...effects: Effect[]): Decision =>
  new PermissionEngine(ceilingOf(request(more))).decide(effects);
const read = (path: PathRef | string): Effect => ({
  kind: 'read',
  path: typeof path === 'string' ? at(path) : path,
});
const write = (path: PathRef | string): Effect => ({
  kind: 'write',
  path: typeof path === 'string' ? at(path) : path,
});

const segment = fc.constantFrom('src', 'lib', 'a.ts', 'b.pem', '.git', '.pugi', 'Secrets', 'é');
const path = fc.array(segment, { maxLength: 4 }).map((parts) => parts.join('/'));
const pathRef: fc.Arbitrary<PathRef> = fc.record({
  requested: fc.string(),
  real: fc.option(path, { nil: undefined }),
  through: fc.array(path, { maxLength: 2 }),
  links: fc.nat(3),
});
const effect: fc.Arbitrary<Effect> = fc.oneof(
  fc.record({ kind: fc.constantFrom('read', 'write'), path: pathRef, subtree: fc.boolean() }),
  fc.constant({ kind: 'bash' as const }),
  fc.record({ kind: fc.constant('execute' as const), program: fc.string() }),
  fc.record({ kind: fc.constant('network' as const), host: fc.option(fc.domain(), { nil: undefined }) }),
  fc.record({ kind: fc.constant('unknown' as const), what: fc.string() }),
);
const pattern = fc.oneof(
  path.map((text) => text || '.'),
  fc.constantFrom('**/*.pem', 'src/**', '*', '**', 'lib/*.ts', '.'),
);
const ceilingRequest: fc.Arbitrary<CeilingRequest> = fc.record({
  permissionMode: fc.constantFrom(...PERMISSION_MODES),
  isolation: fc.constantFrom(...ISOLATION_TIERS),
  attended: fc.boolean(),
  allowedPaths: fc.option(fc.array(pattern, { maxLength: 3 }), { nil: undefined }),
  deniedPaths: fc.option(fc.array(pattern, { maxLength: 3 }), { nil: undefined }),
});
const effects = fc.array(effect, { maxLength: 4 });
const RUNS = { numRuns: 1_000 };

describe('on trees of dispatches', () => {
  /** A dispatch and, by its number, the one that it was handed on from. */
  const tree = fc.array(fc.tuple(ceilingRequest, fc.nat()), { minLength: 1, maxLength: 8 });
  const ceilingsOf = (
    requests: readonly [CeilingRequest, number][],
  ): { own: Ceiling; above: Ceiling[] }[] => {
    const made: { own: Ceiling; above: Ceiling[] }[] = [];
    for (const [one, number] of requests) {
      const parent = made.length === 0 ? undefined : made[number % made.length]!;
      made.push({
        own: parent ? childCeiling(parent.own, one) : ceilingOf(one),
        above: parent ? [...parent.above, parent.own] : [],
      });
    }
    return made;
  };

  it('no call is allowed that one above would not allow (invariant 1)', () => {
    fc.assert(
      fc.property(tree, effects, (requests, wanted) => {
        for (const { own, above } of ceilingsOf(requests)) {
          const { verdict } = new PermissionEngine(own).decide(wanted);
          for (const higher of above)
            expect(isAtMost(verdict, new PermissionEngine(higher).decide(wanted).verdict)).toBe(true);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('a child that asks for any mode is bound as if it had asked for its parent’s as well', () => {
    fc.assert(
      fc.property(ceilingRequest, ceilingRequest, effects, (parent, child, wanted) => {
        const verdictOf = (ceiling: Ceiling) => new PermissionEngine(ceiling).decide(wanted).verdict;
        const both = verdictOf(childCeiling(ceilingOf(parent), child));
        expect(isAtMost(both, verdictOf(ceilingOf(child)))).toBe(true);
      }),
      RUNS,
    );
  });

  it('meets go in any order, and a ceiling met with itself is the same (invariant 2)', () => {
    fc.assert(
      fc.property(ceilingRequest, ceilingRequest, ceilingRequest, effects, (a, b, c, wanted) => {
        const [x, y, z] = [a, b, c].map(ceilingOf) as [Ceiling, Ceiling, Ceiling];
        const verdictOf = (ceiling: Ceiling) => new PermissionEngine(ceiling).decide(wanted).verdict;
        expect(verdictOf(meet(x, y))).toBe(verdictOf(meet(y, x)));
        expect(verdictOf(meet(meet(x, y), z))).toBe(verdictOf(meet(x, meet(y, z))));
        expect(meet(x, x)).toEqual(x);
      }),
      RUNS,
    );
  });

  it('is plain data: what was sent elsewhere decides as it did (invariant 3)', () => {
    fc.assert(
      fc.property(ceilingRequest, effects, (one, wanted) => {
        const ceiling = ceilingOf(one);
        const sent = ceilingSchema.parse(JSON.parse(JSON.stringify(ceiling)));
        expect(new PermissionEngine(sent).decide(wanted)).toEqual(
          new PermissionEngine(ceiling).decide(wanted),
        );
      }),
      RUNS,
    );
  });
});

describe('less permission', () => {
  it('never allows more: fewer paths, more denied, nobody to ask, one effect more', () => {
    fc.assert(
      fc.property(ceilingRequest, pattern, pattern, effects, effect, (one, p, q, wanted, more) => {
        const verdictOf = (what: CeilingRequest, calls = wanted) =>
          new PermissionEngine(ceilingOf(what)).decide(calls).verdict;
        const before = verdictOf(one);
        const lists = [
          { ...one, deniedPaths: [...(one.deniedPaths ?? []), p] },
          { ...one, allowedPaths: (one.allowedPaths ?? ['.']).slice(1) },
          { ...one, allowedPaths: one.allowedPaths ?? [p, q] },
          { ...one, attended: false },
          {
            ...one,
            permissionMode: 'plan' as const,
            attended: one.attended && one.permissionMode !== 'dontAsk',
          },
          { ...one, isolation: 'prompt_only' as const },
        ];
        for (const less of lists) expect(isAtMost(verdictOf(less), before)).toBe(true);
        if (wanted.length > 0) expect(isAtMost(verdictOf(one, [...wanted, more]), before)).toBe(true);
      }),
      RUNS,
    );
  });

  it('plan writes nothing, in no tier and whoever may be asked', () => {
    fc.assert(
      fc.property(ceilingRequest, effects, pathRef, (one, others, where) => {
        const ceiling = ceilingOf({ ...one, permissionMode: 'plan' });
        const wanted: Effect[] = [...others, { kind: 'write', path: where }];
        expect(new PermissionEngine(ceiling).decide(wanted).verdict).toBe('deny');
      }),
      RUNS,
    );
  });

  it.each(['prompt_only', 'shared_fs_readonly'] as const)(
    '%s has no path to a write, in no mode',
    (isolation) => {
      fc.assert(
        fc.property(ceilingRequest, effects, effect, (one, others, last) => {
          fc.pre(!['read', 'network'].includes(last.kind));
          const engine = new PermissionEngine(ceilingOf({ ...one, isolation }));
          expect(engine.decide([...others, last]).verdict).toBe('deny');
        }),
        RUNS,
      );
    },
  );

  it('a child of a dispatch that may not write may not, whatever it asks for', () => {
    fc.assert(
      fc.property(ceilingRequest, pathRef, (child, where) => {
        const parent = ceilingOf(request({ permissionMode: 'plan' }));
        const engine = new PermissionEngine(childCeiling(parent, child));
        expect(engine.decide([{ kind: 'write', path: where }]).verdict).toBe('deny');
      }),
      RUNS,
    );
  });
});

describe('each mode', () => {
  const verdictsOf = (permissionMode: PermissionMode, isolation: Isolation = 'worktree'): string => {
    const all: Record<string, Effect> = {
      read: read('a'),
      write: write('a'),
      bash: { kind: 'bash' },
      execute: { kind: 'execute', program: 'make' },
      network: { kind: 'network', host: 'example.com' },
      unknown: { kind: 'unknown', what: 'a function' },
    };
    const signs = { allow: '+', ask: '?', deny: '-' };
    return EFFECT_KINDS.map((kind) => signs[decide({ permissionMode, isolation }, all[kind]!).verdict]).join(
      '',
    );
  };

  // In the order of EFFECT_KINDS: read, write, bash, execute, network, unknown.
  it.each([
    ['plan', '+-+-?-'],
    ['ask', '+?+???'],
    ['acceptEdits', '+++???'],
    ['auto', '++++??'],
    ['dontAsk', '++++--'],
    ['bypassPermissions', '++++++'],
  ] as const)('%s', (mode, wanted) => expect(verdictsOf(mode)).toBe(wanted));

  it.each([
    ['prompt_only', '------'],
    ['shared_fs_readonly', '+---+-'],
    ['shared_fs_serialized', '++++++'],
    ['worktree', '++++++'],
    ['remote_vm', '++++++'],
  ] as const)('%s, under a mode that denies nothing', (tier, wanted) =>
    expect(verdictsOf('bypassPermissions', tier)).toBe(wanted),
  );
});

describe('a path', () => {
  it.each<[string, Partial<CeilingRequest>, Effect, Decision['verdict'], string]>([
    ['out of the workspace', {}, read(at(undefined)), 'deny', 'path:outside'],
    ['out of the workspace, to write', {}, write(at(undefined)), 'deny', 'path:outside'],
    ['in the list', { allowedPaths: ['src'] }, write('src/a/b.ts'), 'allow', 'mode:bypassPermissions'],
    ['beside the list', { allowedPaths: ['src'] }, read('srcs/a'), 'deny', 'path:not-allowed'],
    ['under an empty list', { allowedPaths: [] }, read('a'), 'deny', 'path:not-allowed'],
    [
      'in both lists',
      { allowedPaths: ['src'], deniedPaths: ['src/x'] },
      read('src/x/y'),
      'deny',
      'path:denied',
    ],
    ['by a pattern', { deniedPaths: ['**/*.pem'] }, read('a/b/c.pem'), 'deny', 'path:denied'],
    ['by a pattern, at the top', { deniedPaths: ['**/*.pem'] }, read('c.pem'), 'deny', 'path:denied'],
    ['below what a pattern names', { deniedPaths: ['*.d'] }, read('conf.d/x'), 'deny', 'path:denied'],
    ['with a dot', { deniedPaths: ['**/.env*'] }, read('app/.env.local'), 'deny', 'path:denied'],
    ['all of the workspace', { deniedPaths: ['.'] }, read('a'), 'deny', 'path:denied'],
    [
      'that goes through a denied link',
      { deniedPaths: ['link'] },
      read(at('src/a', { through: ['link/a'] })),
      'deny',
      'path:denied',
    ],
    [
      'that takes away a link in a place that is not allowed',
      { allowedPaths: ['src'] },
      write(at('src/a', { through: ['docs/link'] })),
      'deny',
      'path:not-allowed',
    ],
    ['of git', {}, write('.git/hooks/pre-commit'), 'deny', 'path:protected'],
    ['of git, further down', {}, write('vendor/x/.git/config'), 'deny', 'path:protected'],
    ['of git, in capitals', {}, write('.GIT/config'), 'deny', 'path:protected'],
    ['of git, to read', {}, read('.git/config'), 'allow', 'mode:bypassPermissions'],
    ['of the dispatcher', {}, write('.pugi/events.jsonl'), 'deny', 'path:protected'],
    ['of all there is', {}, { kind: 'write', path: at(''), subtree: true }, 'deny', 'path:protected'],
    ['with two names', {}, write(at('a', { links: 2 })), 'ask', 'path:hard-link'],
    ['with two names, to read', {}, read(at('a', { links: 2 })), 'allow', 'mode:bypassPermissions'],
    [
      'that is above a denied one, with all below',
      { deniedPaths: ['src/x'] },
      { kind: 'read', path: at('src'), subtree: true },
      'deny',
      'path:denied',
    ],
    [
      'beside a denied one, with all below',
      { deniedPaths: ['src/x'] },
      { kind: 'read', path: at('lib'), subtree: true },
      'allow',
      'mode:bypassPermissions',
    ],
    [
      'with all below, of which some is allowed',
      { allowedPaths: ['src/x'] },
      { kind: 'read', path: at('src'), subtree: true },
      'deny',
      'path:not-allowed',
    ],
  ])('%s', (_, more, wanted, verdict, rule) => expect(decide(more, wanted)).toMatchObject({ verdict, rule }));

  it.each(['/etc', '../x', 'a/../../x', '~/x', 'C:\\x', '', '!src', 'a\nb', 'x'.repeat(1_025)])(
    'is no pattern: %j',
    (pattern) => {
      const refused = () => ceilingOf(request({ deniedPaths: ['ok', pattern] }));
      expect(refused).toThrow(/^deniedPaths\.1: .+\.$/);
    },
  );

  it('is folded where the file system folds it', () => {
    const engine = (ignoresCase: boolean, normalizes: boolean) =>
      new PermissionEngine(
        ceilingOf(request({ deniedPaths: ['Secrets', 'caf\u00e9'] })),
        foldOf({ ignoresCase, normalizes }),
      );
    const ruleOf = (one: PermissionEngine, name: string) => one.decide([read(name)]).rule;
    expect(ruleOf(engine(true, true), 'SECRETS/key')).toBe('path:denied');
    expect(ruleOf(engine(false, true), 'SECRETS/key')).toBe('mode:bypassPermissions');
    expect(ruleOf(engine(false, true), 'cafe\u0301/x')).toBe('path:denied');
    expect(ruleOf(engine(false, false), 'cafe\u0301/x')).toBe('mode:bypassPermissions');
    expect(ruleOf(engine(true, true), 'CAFE\u0301/x')).toBe('path:denied');
  });
});

it('a call of which nobody knows what it does is denied', () => expect(decide({}).rule).toBe('no-effects'));

it('what would be asked is denied where nobody can answer, and says what it was', () => {
  const decided = decide({ permissionMode: 'ask', attended: false }, write('a'));
  expect(decided).toMatchObject({ verdict: 'deny', rule: 'nobody-to-ask' });
  expect(decided.why).toContain('It writes "a".');
  expect(decided.why).toContain('mode:ask');
});
