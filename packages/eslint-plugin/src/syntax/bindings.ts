import type { Scope, SourceCode } from 'eslint';
import type * as ESTree from 'estree';

/** The packages that workflow code gets Temporal's functions from. */
export const WORKFLOW_PACKAGES: readonly string[] = [
  'pegasus-workflows-sdk/workflow',
  '@temporalio/workflow',
];

/** The variable that an identifier stands for, or undefined when nothing in the file declares it. */
export function variableOf(source: SourceCode, node: ESTree.Identifier): Scope.Variable | undefined {
  for (let scope: Scope.Scope | null = source.getScope(node); scope; scope = scope.upper) {
    const variable = scope.set.get(node.name);
    if (variable) return variable.defs.length > 0 ? variable : undefined;
  }
  return undefined;
}

/** Whether nothing in the file declares the name: it is a global one. */
export function isGlobal(source: SourceCode, node: ESTree.Identifier): boolean {
  return variableOf(source, node) === undefined;
}

/**
 * What Temporal calls the function (or class, or namespace member) that an expression names:
 * `wait` of `import { sleep as wait } from '@temporalio/workflow'` is `sleep`, and so is `workflow.sleep`.
 */
export function temporalName(source: SourceCode, node: ESTree.Node): string | undefined {
  if (node.type === 'Identifier') {
    const definition = workflowImport(source, node);
    return definition?.type === 'ImportSpecifier' ? nameOf(definition.imported) : undefined;
  }
  if (node.type !== 'MemberExpression' || node.object.type !== 'Identifier') return undefined;
  const isNamespace = workflowImport(source, node.object)?.type === 'ImportNamespaceSpecifier';
  return isNamespace ? propertyName(node) : undefined;
}

function workflowImport(source: SourceCode, node: ESTree.Identifier): ESTree.Node | undefined {
  const definition = variableOf(source, node)?.defs[0];
  if (definition?.type !== 'ImportBinding') return undefined;
  return WORKFLOW_PACKAGES.includes(String(definition.parent.source.value)) ? definition.node : undefined;
}

/** The name of a member that is written out: `a.b` and `a['b']`. */
export function propertyName(node: ESTree.MemberExpression): string | undefined {
  if (!node.computed) return node.property.type === 'Identifier' ? node.property.name : undefined;
  return node.property.type === 'Literal' ? String(node.property.value) : undefined;
}

/** The initial value of the variable that an identifier stands for, without TypeScript's assertions. */
export function initialValue(source: SourceCode, node: ESTree.Identifier): ESTree.Node | undefined {
  const definition = variableOf(source, node)?.defs[0];
  if (definition?.type !== 'Variable' || !definition.node.init) return undefined;
  return withoutAssertions(definition.node.init);
}

/** `x as T`, `x satisfies T` and `x!` are `x`. */
export function withoutAssertions(node: ESTree.Node): ESTree.Node {
  // The TypeScript parser adds nodes that ESTree's types do not know.
  const { type, expression } = node as { type: string; expression?: ESTree.Node };
  const isAssertion = ['TSAsExpression', 'TSSatisfiesExpression', 'TSNonNullExpression'].includes(type);
  return isAssertion && expression ? withoutAssertions(expression) : node;
}

function nameOf(node: ESTree.Identifier | ESTree.Literal): string {
  return node.type === 'Identifier' ? node.name : String(node.value);
}
