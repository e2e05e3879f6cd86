import { readFileSync } from 'node:fs';
import type { ESLint, Linter } from 'eslint';
import { rules } from './rules/index.js';

const PREFIX = 'pegasus-workflows';

/** Which files are workflow code. A project that keeps it elsewhere gives its own `files` beside the preset. */
const WORKFLOW_FILES = ['**/workflow.{ts,mts,js,mjs}', '**/workflows/**/*.{ts,mts,js,mjs}'];
const TEST_FILES = ['**/*.{test,spec}.*', '**/test/**', '**/tests/**'];

const { name, version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  name: string;
  version: string;
};

/** A judgement of style stays a warning; what breaks a run is an error. */
const severities: Linter.RulesRecord = Object.fromEntries(
  Object.entries(rules).map(([rule, { meta: about }]) => [
    `${PREFIX}/${rule}`,
    about?.type === 'suggestion' ? 'warn' : 'error',
  ]),
);

interface Plugin extends ESLint.Plugin {
  rules: typeof rules;
  configs: {
    /** All rules, for `workflow.ts` and everything below `workflows/`. */
    recommended: Linter.Config;
  };
}

/**
 * ESLint rules for workflow code. In `eslint.config.js`:
 *
 * ```js
 * import { defineConfig } from 'eslint/config';
 * import pegasusWorkflows from 'eslint-plugin-pegasus-workflows';
 *
 * export default defineConfig(pegasusWorkflows.configs.recommended);
 * ```
 */
const plugin: Plugin = {
  meta: { name, version, namespace: PREFIX },
  rules,
  configs: {
    recommended: {
      name: `${PREFIX}/recommended`,
      files: WORKFLOW_FILES,
      ignores: TEST_FILES,
      // A preset holds the plugin that holds it.
      get plugins() {
        return { [PREFIX]: plugin };
      },
      rules: severities,
    },
  },
};

export default plugin;
