import { ACTIONS, actionsOf, ROLES, type Role } from '@pegasus-workflows/contracts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Principal } from '../infra/context.js';
import { effectiveActions, refuseToRaise, roleBeyond } from './rights.js';

const roles = fc.subarray<Role>(ROLES);
const limit = fc.option(roles, { nil: null });

describe('rights of a key', () => {
  it('allow an action if and only if key and principal both do (invariant 1)', () => {
    fc.assert(
      fc.property(roles, limit, (key, principal) => {
        const allowed = effectiveActions(key, principal);
        for (const action of ACTIONS) {
          const both = actionsOf(key).has(action) && (!principal || actionsOf(principal).has(action));
          expect(allowed.has(action)).toBe(both);
        }
      }),
    );
  });

  it('never shrink by one more role, nor grow by a limit', () => {
    fc.assert(
      fc.property(roles, limit, fc.constantFrom(...ROLES), (key, principal, more) => {
        const allowed = effectiveActions(key, principal);
        const wider = effectiveActions([...key, more], principal && [...principal, more]);
        expect([...allowed].filter((action) => !wider.has(action))).toEqual([]);
        const unlimited = effectiveActions(key, null);
        expect([...allowed].filter((action) => !unlimited.has(action))).toEqual([]);
      }),
    );
  });

  it('are passed on only by who holds them (invariant 2)', () => {
    fc.assert(
      fc.property(roles, roles, (held, granted) => {
        const caller = { actions: actionsOf(held) } as Principal;
        const raises = [...actionsOf(granted)].some((action) => !caller.actions.has(action));
        if (raises) expect(() => refuseToRaise(caller, granted)).toThrow(/which you may not/);
        else refuseToRaise(caller, granted);
        expect(roleBeyond(granted, held) !== undefined).toBe(raises);
      }),
    );
  });
});
