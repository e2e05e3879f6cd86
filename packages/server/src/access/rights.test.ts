import {
  ACTIONS,
  actionsOf,
  ROLE_ACTIONS,
  ROLES,
  type Action,
  type Role,
} from '@pegasus-workflows/contracts';
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

  it('are what the table of roles says, entry by entry', () => {
    /** The slow and obvious way: look the action up in each row of the table. */
    const mayByTable = (held: readonly Role[], action: Action): boolean => {
      for (const role of held)
        for (const entry of ROLE_ACTIONS[role] as readonly Action[]) if (entry === action) return true;
      return false;
    };
    fc.assert(
      fc.property(roles, limit, fc.constantFrom(...ACTIONS), (key, principal, action) => {
        const may = mayByTable(key, action) && (principal === null || mayByTable(principal, action));
        expect(effectiveActions(key, principal).has(action)).toBe(may);
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
