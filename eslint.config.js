import tseslint from 'typescript-eslint';
import importX from 'eslint-plugin-import-x';
import { createTypeScriptImportResolver } from 'eslint-import-resolver-typescript';

/** Floors of the house, low to high; a package may import only floors below its own. */
const FLOORS = [
  { name: 'contracts', packages: ['@pegasus-workflows/contracts'] },
  { name: 'kit', packages: ['@pegasus-workflows/kit'] },
  { name: 'integrations', packages: ['@pegasus-workflows/integrations'] },
  { name: 'eslint-plugin', packages: ['eslint-plugin-pegasus-workflows'] },
  { name: 'sdk', packages: ['pegasus-workflows-sdk'] },
  { name: 'agents', packages: ['@pegasus-workflows/agents'] },
  { name: 'project', packages: ['@pegasus-workflows/project'] },
  { name: 'server', packages: ['@pegasus-workflows/server'] },
  { name: 'runner', packages: ['@pegasus-workflows/runner'] },
  { name: 'platform', packages: ['@pegasus-workflows/platform'] },
  { name: 'cli', packages: ['pegasus-workflows'] },
];
const MAY_IMPORT = {
  contracts: [],
  kit: ['contracts'],
  integrations: ['contracts'],
  'eslint-plugin': ['contracts'],
  sdk: ['contracts'],
  agents: ['contracts', 'kit', 'sdk'],
  project: ['contracts', 'sdk'],
  server: ['contracts', 'kit', 'integrations', 'sdk', 'project'],
  runner: ['contracts', 'kit', 'sdk', 'agents', 'project'],
  platform: ['contracts', 'kit', 'integrations', 'sdk', 'project', 'server', 'runner'],
  cli: ['contracts', 'kit', 'integrations', 'sdk', 'agents', 'project', 'platform'],
};

const floorRules = FLOORS.map(({ name }) => ({
  files: [`packages/${name}/src/**/*.ts`],
  rules: {
    'no-restricted-imports': [
      'error',
      {
        patterns: FLOORS.filter((other) => !MAY_IMPORT[name].includes(other.name)).map((other) => ({
          regex: `^${other.packages[0]}(/|$)`,
          message: `The floor "${name}" may import only: ${MAY_IMPORT[name].join(', ') || 'nothing of ours'}.`,
        })),
      },
    ],
  },
}));

export default tseslint.config(
  {
    ignores: [
      '**/dist/**',
      '**/node_modules/**',
      'coverage/**',
      '**/fixtures/**',
      'packages/cli/templates/**',
      '.cache/**',
      '**/.pegasus/**',
    ],
  },
  ...tseslint.configs.recommended,
  // Said for every file: examples/hello has a configuration of its own, so it cannot be guessed.
  { languageOptions: { parserOptions: { tsconfigRootDir: import.meta.dirname } } },
  {
    files: ['**/*.ts'],
    languageOptions: { parserOptions: { project: ['./tsconfig.check.json'] } },
    plugins: { 'import-x': importX },
    settings: {
      'import-x/resolver-next': [createTypeScriptImportResolver({ project: ['./tsconfig.check.json'] })],
    },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/await-thenable': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      'import-x/no-cycle': ['error', { ignoreExternal: true }],
      'max-lines': ['error', { max: 500 }],
      'max-lines-per-function': ['error', { max: 100, skipBlankLines: true, skipComments: true }],
      'no-console': 'error',
      eqeqeq: 'error',
    },
  },
  ...floorRules,
  {
    files: ['**/*.test.ts', 'tests/**/*.ts'],
    rules: { 'max-lines-per-function': 'off', '@typescript-eslint/no-explicit-any': 'off' },
  },
  {
    files: ['scripts/**', 'bench/**', 'packages/cli/src/**', '**/*.js', '**/*.mjs', '**/*.cjs'],
    rules: { 'no-console': 'off', '@typescript-eslint/no-require-imports': 'off' },
  },
);
