import { readFileSync } from 'node:fs';
import { createRequire, isBuiltin } from 'node:module';
import { dirname } from 'node:path';
import { compileFunction, constants } from 'node:vm';
import { nameRefusedAccess } from './refused-access.js';
import { StackMapper } from './stack-mapper.js';

/** What `project`'s activity bundles leave out, so that worker and activity share one context. */
const SHARED_PACKAGE = /^@temporalio\/(activity|common)(\/.*)?$/;

export interface LoadedActivities {
  /** Activity name → function. */
  activities: Record<string, (...args: unknown[]) => unknown>;
  mapper: StackMapper;
}

/**
 * Evaluates an artifact's CommonJS activity bundle and returns its exported functions. Each call makes a module
 * instance of its own, so two versions in one process share no module state, and a dropped one can be collected.
 * It may require Node's own modules and the shared packages; anything else should have been bundled, and throws.
 *
 * @throws whatever the bundle's top level throws
 */
export function loadActivities(file: string): LoadedActivities {
  const code = readFileSync(file, 'utf8');
  const mapper = new StackMapper(file, code);
  const ownRequire = createRequire(import.meta.url);
  const requireShared = (id: string): unknown => {
    if (isBuiltin(id) || SHARED_PACKAGE.test(id)) return ownRequire(id) as unknown;
    throw new Error(
      `activities require "${id}", which is not in the artifact: package the workflow again so that it is bundled`,
    );
  };
  const module = { exports: {} as Record<string, unknown> };
  const evaluate = compileFunction(code, ['exports', 'require', 'module', '__filename', '__dirname'], {
    filename: file,
    importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
  }) as (...args: unknown[]) => void;
  try {
    evaluate.call(module.exports, module.exports, requireShared, module, file, dirname(file));
  } catch (error) {
    nameRefusedAccess(error);
    mapper.mapError(error);
    throw error;
  }
  const functions = Object.entries(module.exports).filter(
    (entry): entry is [string, (...args: unknown[]) => unknown] => typeof entry[1] === 'function',
  );
  return { activities: Object.fromEntries(functions), mapper };
}
