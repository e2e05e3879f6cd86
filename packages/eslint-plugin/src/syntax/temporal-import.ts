import type { Rule, SourceCode } from 'eslint';
import type * as ESTree from 'estree';
import { WORKFLOW_PACKAGES } from './bindings.js';
import { isMarkedType } from './types-only.js';

/** How to write a name of the workflow package in this file, and what to add so that it is there. */
export interface Usable {
  text: string;
  addImport(fixer: Rule.RuleFixer): Rule.Fix[];
}

/** Makes a name of the workflow package usable: as it is imported already, or with an import added. */
export function usable(source: SourceCode, name: string): Usable {
  const imports = source.ast.body.filter(
    (node): node is ESTree.ImportDeclaration =>
      node.type === 'ImportDeclaration' &&
      WORKFLOW_PACKAGES.includes(String(node.source.value)) &&
      !isMarkedType(node),
  );
  for (const { specifiers } of imports) {
    for (const specifier of specifiers) {
      if (specifier.type === 'ImportNamespaceSpecifier')
        return { text: `${specifier.local.name}.${name}`, addImport: () => [] };
      if (specifier.type !== 'ImportSpecifier' || isMarkedType(specifier)) continue;
      if (specifier.imported.type === 'Identifier' && specifier.imported.name === name)
        return { text: specifier.local.name, addImport: () => [] };
    }
  }
  const last = imports
    .flatMap(({ specifiers }) => specifiers)
    .findLast(({ type }) => type === 'ImportSpecifier');
  return {
    text: name,
    addImport: (fixer) => [
      last
        ? fixer.insertTextAfter(last, `, ${name}`)
        : fixer.insertTextBeforeRange([0, 0], `import { ${name} } from '${WORKFLOW_PACKAGES[0]}';\n`),
    ],
  };
}
