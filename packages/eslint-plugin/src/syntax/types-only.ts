import type { Rule, Scope } from 'eslint';
import type * as ESTree from 'estree';

/** What the TypeScript parser adds to an import or export. */
interface Kinded {
  importKind?: 'type' | 'value';
  exportKind?: 'type' | 'value';
}

/** What its scope analysis adds to a reference. */
interface TypedReference extends Scope.Reference {
  isValueReference?: boolean;
}

/** Whether the statement says itself that it is about types alone. */
export function isMarkedType(node: ESTree.Node): boolean {
  const { importKind, exportKind } = node as Kinded;
  return importKind === 'type' || exportKind === 'type';
}

/** Whether a reference is to a value, which remains when types are stripped. */
export function isValueReference(reference: TypedReference): boolean {
  return reference.isValueReference !== false;
}

/** Whether TypeScript drops an import: it is written `type`, or nothing of it is used as a value. */
export function isErased(node: ESTree.ImportDeclaration, context: Rule.RuleContext): boolean {
  if (isMarkedType(node)) return true;
  if (node.specifiers.length === 0 || !/\.[cm]?tsx?$/.test(context.filename)) return false;
  return node.specifiers.every(
    (specifier) =>
      isMarkedType(specifier) ||
      context.sourceCode
        .getDeclaredVariables(specifier)
        .every(({ references }) => !references.some(isValueReference)),
  );
}

/** Whether a re-export is of types alone. */
export function isTypeExport(node: ESTree.ExportNamedDeclaration | ESTree.ExportAllDeclaration): boolean {
  if (isMarkedType(node)) return true;
  if (node.type === 'ExportAllDeclaration') return false;
  return node.specifiers.length > 0 && node.specifiers.every(isMarkedType);
}
