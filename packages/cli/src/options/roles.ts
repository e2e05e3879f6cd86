import { ROLES, type Role } from '@pegasus-workflows/contracts';
import { PegasusError } from '@pegasus-workflows/contracts/errors';
import { nearest } from '@pegasus-workflows/contracts/nearest';

/** `tenant_admin,workflow_developer`: roles, each once. @throws PegasusError VALIDATION_ERROR with the nearest one */
export function readRoles(text: string): Role[] {
  const roles = text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .map(readRole);
  if (roles.length > 0) return [...new Set(roles)];
  throw new PegasusError('VALIDATION_ERROR', 'No role is named.', { hint: `They are: ${ROLES.join(', ')}.` });
}

function readRole(text: string): Role {
  const found = ROLES.find((role) => role === text.replaceAll('-', '_'));
  if (found) return found;
  const guess = nearest(text, ROLES);
  throw new PegasusError('VALIDATION_ERROR', `"${text}" is not a role.`, {
    hint: guess ? `Did you mean ${guess}?` : `They are: ${ROLES.join(', ')}.`,
  });
}
