import { isBuiltin } from 'node:module';
import { forbiddenImport } from '@pegasus-workflows/contracts/determinism';
import type { Rule } from 'eslint';
import type * as ESTree from 'estree';
import { isErased, isTypeExport } from '../syntax/types-only.js';

export const noNodeImports: Rule.RuleModule = {
  meta: {
    type: 'problem',
    docs: {
      description: 'Disallow imports of Node modules and of packages that do I/O; types of them are fine',
      recommended: true,
    },
    fixable: 'code',
    schema: [],
    messages: { forbidden: 'Workflow code cannot import "{{specifier}}", {{what}}: {{fix}}.' },
  },
  create(context) {
    function check(source: ESTree.Literal): void {
      const specifier = String(source.value);
      const forbidden = forbiddenImport(specifier, isBuiltin);
      if (!forbidden) return;
      const bare = specifier.replace(/^node:/, '');
      context.report({
        node: source,
        messageId: 'forbidden',
        data: { specifier, ...forbidden },
        // A module that the sandbox provides under its bare name alone.
        fix:
          !isBuiltin(bare) || forbiddenImport(bare, isBuiltin)
            ? null
            : (fixer) => fixer.replaceTextRange(inner(source), bare),
      });
    }
    return {
      ImportDeclaration(node) {
        if (!isErased(node, context)) check(node.source);
      },
      ExportNamedDeclaration(node) {
        if (node.source && !isTypeExport(node)) check(node.source);
      },
      ExportAllDeclaration(node) {
        if (!isTypeExport(node)) check(node.source);
      },
    };
  },
};

/** The text of a string without its quotes. */
function inner({ range }: ESTree.Literal): [number, number] {
  const [start, end] = range ?? [0, 0];
  return [start + 1, end - 1];
}
