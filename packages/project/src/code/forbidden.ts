import { isBuiltin } from 'node:module';
import * as determinism from '@pegasus-workflows/contracts/determinism';

export { FORBIDDEN_GLOBALS, TYPE_IMPORT_FIX } from '@pegasus-workflows/contracts/determinism';

/** Why workflow code may not import a module as a value, and what to do; undefined when it may. */
export function forbiddenImport(specifier: string): determinism.Forbidden | undefined {
  return determinism.forbiddenImport(specifier, isBuiltin);
}
