import type { Rule } from 'eslint';
import { noActivityValueImport } from './no-activity-value-import.js';
import { noDynamicImport } from './no-dynamic-import.js';
import { noFloatingPromises } from './no-floating-promises.js';
import { noModuleState } from './no-module-state.js';
import { noNodeImports } from './no-node-imports.js';
import { noNondeterministicGlobals } from './no-nondeterministic-globals.js';
import { noSwallowedCancellation } from './no-swallowed-cancellation.js';
import { noThrowPlainError } from './no-throw-plain-error.js';

/** Every rule by its name; `docs/lint/<name>.md` tells more. */
export const rules = {
  'no-activity-value-import': noActivityValueImport,
  'no-dynamic-import': noDynamicImport,
  'no-floating-promises': noFloatingPromises,
  'no-module-state': noModuleState,
  'no-node-imports': noNodeImports,
  'no-nondeterministic-globals': noNondeterministicGlobals,
  'no-swallowed-cancellation': noSwallowedCancellation,
  'no-throw-plain-error': noThrowPlainError,
} satisfies Record<string, Rule.RuleModule>;
