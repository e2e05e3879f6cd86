import { actionsOf, PegasusError, type Action, type Role } from '@pegasus-workflows/contracts';
import { type Principal } from '../infra/context.js';

/**
 * Job: what a key may do, and what its holder may pass on.
 *
 * Boundary: pure; which roles hold which actions is the table of `@pegasus-workflows/contracts`.
 *
 * Invariants
 * 1. A key may do exactly what both its own roles and its principal's allow.
 * 2. Nobody grants an action that they do not hold themselves.
 */

/** What a key may do. Roles of a principal that are null limit nothing. */
export function effectiveActions(
  keyRoles: readonly Role[],
  principalRoles: readonly Role[] | null,
): ReadonlySet<Action> {
  const own = actionsOf(keyRoles);
  if (!principalRoles) return own;
  const limit = actionsOf(principalRoles);
  return new Set([...own].filter((action) => limit.has(action)));
}

/** Throws FORBIDDEN when a role holds an action that the caller does not. */
export function refuseToRaise({ actions }: Principal, roles: readonly Role[]): void {
  for (const role of roles) {
    const lacking = [...actionsOf([role])].find((action) => !actions.has(action));
    if (lacking !== undefined) {
      throw new PegasusError(
        'FORBIDDEN',
        `The role ${role} may do ${lacking}, which you may not; grant only what your own key may do.`,
      );
    }
  }
}

/** The first of `roles` that may do more than a member with `limit` may; undefined when none does. */
export function roleBeyond(roles: readonly Role[], limit: readonly Role[] | null): Role | undefined {
  if (!limit) return undefined;
  const allowed = actionsOf(limit);
  return roles.find((role) => [...actionsOf([role])].some((action) => !allowed.has(action)));
}
