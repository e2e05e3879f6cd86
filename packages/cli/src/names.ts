import { WORKFLOW_NAME_PATTERN } from '@pegasus-workflows/contracts';

/** `order-followup` → `orderFollowup`: what the exports of a project are called. A leading digit gets a `w`. */
export function camelCase(name: string): string {
  const [first = '', ...rest] = name.split(/[-_]+/).filter(Boolean);
  const camel = first + rest.map((part) => part.charAt(0).toUpperCase() + part.slice(1)).join('');
  return /^[0-9]/.test(camel) ? `w${camel}` : camel;
}

/** Folder names that a project uses for something else. */
const TAKEN = new Set(['test', 'dist', 'node_modules']);
/** Packages that a project needs: npm refuses to install one into a package of its own name. */
const PACKAGES = new Set([
  'eslint',
  'eslint-plugin-pegasus-workflows',
  'pegasus-workflows',
  'pegasus-workflows-sdk',
  'typescript',
  'typescript-eslint',
  'vitest',
]);
/** What Windows takes for a device, whatever folder it is in. */
const DEVICES = /^(?:con|prn|aux|nul|com[0-9]|lpt[0-9])$/;

/** Why a name cannot be a new project's, or undefined when it can. */
export function nameProblem(name: string): string | undefined {
  if (!WORKFLOW_NAME_PATTERN.test(name))
    return 'must be 1 to 64 lower-case letters, digits, "-" or "_", starting with a letter or digit';
  if (TAKEN.has(name)) return 'is the name of a folder that every project has for something else';
  if (PACKAGES.has(name)) return 'is the name of a package that every project needs';
  if (DEVICES.test(name)) return 'cannot be the name of a folder on Windows';
  return undefined;
}
