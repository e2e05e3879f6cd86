import type { Rule } from 'eslint';
import type * as ESTree from 'estree';

export type FunctionNode =
  ESTree.FunctionDeclaration | ESTree.FunctionExpression | ESTree.ArrowFunctionExpression;

export function isFunction(node: ESTree.Node): node is FunctionNode & Rule.NodeParentExtension {
  return (
    node.type === 'FunctionDeclaration' ||
    node.type === 'FunctionExpression' ||
    node.type === 'ArrowFunctionExpression'
  );
}

/** The nodes above, nearest first, the whole program last. */
export function* ancestors(node: Rule.Node): Generator<Rule.Node> {
  for (let above: Rule.Node | null = node.parent; above; above = above.parent) yield above;
}

/** The function that a node is directly in, or undefined at the top of the file. */
export function enclosingFunction(node: Rule.Node): (FunctionNode & Rule.NodeParentExtension) | undefined {
  for (const above of ancestors(node)) if (isFunction(above)) return above;
  return undefined;
}

/** The node and all below it, without going into functions: what runs when it runs. */
export function* withinFunction(
  node: ESTree.Node,
  visitorKeys: Record<string, string[]>,
): Generator<ESTree.Node> {
  yield node;
  for (const key of visitorKeys[node.type] ?? []) {
    const value: unknown = Reflect.get(node, key);
    for (const child of Array.isArray(value) ? value : [value])
      if (isNode(child) && !isFunction(child)) yield* withinFunction(child, visitorKeys);
  }
}

function isNode(value: unknown): value is ESTree.Node {
  return typeof value === 'object' && value !== null && 'type' in value;
}
