import fc from 'fast-check';
import { expect, it } from 'vitest';
import { missingOf, requirementsMissing, requirementsOf } from './requirement-check.js';
import { type ValueName } from './store.js';

/** What a version needs and what of it is missing, against the slowest way to say the same. */
const key = fc.constantFrom('A', 'B', 'a', 'A_B', '_');
// Groups are free text: some that could be mistaken for a group and a key, or for a kind.
const group = fc.constantFrom('global', 'crm', 'crm/A', 'SECRET', ' ', 'a b');
const declared = fc.array(
  fc.record({ key, group, description: fc.constantFrom('of the CRM', '') }, { requiredKeys: ['key'] }),
  { maxLength: 8 },
);
const manifest = fc.record({ requiredSecrets: declared, requiredConfigs: declared }, { requiredKeys: [] });
const stored = fc.array(
  fc.record({ kind: fc.constantFrom('SECRET' as const, 'CONFIG' as const), group, key }),
  { maxLength: 12 },
);
const isSame = (a: ValueName, b: ValueName): boolean =>
  a.kind === b.kind && a.group === b.group && a.key === b.key;

/** Each value that is declared, secrets first, in order, the first of those that are declared twice. */
function naively({ requiredSecrets = [], requiredConfigs = [] }: Parameters<typeof requirementsOf>[0]) {
  const found: ReturnType<typeof requirementsOf> = [];
  for (const [kind, list] of [
    ['SECRET', requiredSecrets],
    ['CONFIG', requiredConfigs],
  ] as const)
    for (const one of list) {
      const wanted = {
        kind,
        key: one.key,
        group: one.group === undefined ? 'global' : one.group,
        description: one.description === undefined ? null : one.description,
      };
      if (!found.some((before) => isSame(before, wanted))) found.push(wanted);
    }
  return found;
}

it('what a manifest declares is needed, each value once', () => {
  fc.assert(
    fc.property(manifest, (given) => {
      expect(requirementsOf(given)).toEqual(naively(given));
    }),
  );
});

it('missing is what is needed and not stored, in order, whatever else is stored', () => {
  fc.assert(
    fc.property(manifest, stored, (given, present) => {
      const expected = naively(given).filter((wanted) => !present.some((one) => isSame(one, wanted)));
      expect(missingOf(requirementsOf(given), present)).toEqual(expected);
    }),
  );
});

it('setting exactly what is missing leaves nothing missing, and nothing less does', () => {
  fc.assert(
    fc.property(manifest, stored, (given, present) => {
      const missing = missingOf(requirementsOf(given), present);
      expect(missingOf(requirementsOf(given), [...present, ...missing])).toEqual([]);
      for (const left of missing) {
        const others = missing.filter((one) => one !== left);
        expect(missingOf(requirementsOf(given), [...present, ...others])).toEqual([left]);
      }
    }),
  );
});

it('the refusal names each of them, in one sentence and one by one', () => {
  fc.assert(
    fc.property(manifest, (given) => {
      const missing = requirementsOf(given);
      fc.pre(missing.length > 0);
      const { message, problems, code } = requirementsMissing(missing);
      expect([code, problems?.length]).toEqual(['REQUIREMENTS_MISSING', missing.length]);
      for (const { kind, group: named, key: wanted } of missing)
        expect(message).toContain(`${kind === 'SECRET' ? 'secret' : 'config'} ${named}/${wanted}`);
    }),
  );
});
