import { defineConfig } from 'eslint/config';
import pegasusWorkflows from 'eslint-plugin-pegasus-workflows';
import tseslint from 'typescript-eslint';

export default defineConfig([
  { ignores: ['dist/', '.pegasus/'] },
  tseslint.configs.recommended,
  { languageOptions: { parserOptions: { tsconfigRootDir: import.meta.dirname } } },
  {
    // Everything beside the activities is workflow code and has to be deterministic; AGENTS.md has the rules.
    ...pegasusWorkflows.configs.recommended,
    files: ['__name__/**/*.ts'],
    ignores: ['__name__/activities.ts', '__name__/activities/**'],
  },
]);
