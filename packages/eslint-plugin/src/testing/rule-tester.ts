import { RuleTester } from 'eslint';
import tseslint from 'typescript-eslint';
import { afterAll, describe, it } from 'vitest';

Object.assign(RuleTester, { describe, it, itOnly: it.only, afterAll });

/** ESLint's own rule tester on TypeScript, as an author's project is set up. */
export const typescript = new RuleTester({ languageOptions: { parser: tseslint.parser } });

/** The same on plain JavaScript modules. */
export const javascript = new RuleTester();

/** A case that is TypeScript by its file's name too. */
export const ts = <T extends object>(test: T): T & { filename: string } => ({
  filename: 'demo/workflow.ts',
  ...test,
});
