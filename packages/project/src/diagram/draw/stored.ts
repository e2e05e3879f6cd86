/** Functions that are kept to be called later: compensations in a list, handlers in a table. */
import ts from 'typescript';
import { type FunctionNode, isWrapper, propertyName, type Values } from '../code/values.js';

const STORING = new Set(['push', 'unshift', 'add', 'set']);

export class StoredFunctions {
  private readonly byProperty = new Map<string, Set<FunctionNode>>();
  private readonly byList = new Map<string, Set<FunctionNode>>();

  constructor(private readonly values: Values) {}

  /** Remembers what a function's body keeps. */
  collect(node: ts.Node): void {
    if (ts.isPropertyAssignment(node)) this.keep(this.byProperty, propertyName(node.name), node.initializer);
    if (ts.isCallExpression(node) && isStoring(node) && ts.isPropertyAccessExpression(node.expression))
      for (const argument of node.arguments)
        this.keep(this.byList, rootName(node.expression.expression), argument);
    ts.forEachChild(node, (child) => this.collect(child));
  }

  /** What a call may run whose callee only running the code would tell: one of these. */
  candidates(callee: ts.Expression): FunctionNode[] {
    if (isWrapper(callee)) return this.candidates(callee.expression);
    if (ts.isPropertyAccessExpression(callee)) return [...(this.byProperty.get(callee.name.text) ?? [])];
    const list = rootName(callee);
    const origin = ts.isIdentifier(callee) ? this.originOf(callee) : undefined;
    return [...(this.byList.get(origin ?? list ?? '') ?? [])];
  }

  /** The list that a variable was taken from: `for (const undo of undos)`, `const undo = undos.pop()`. */
  private originOf(name: ts.Identifier): string | undefined {
    const declaration = this.values.declaration(name);
    if (!declaration || !ts.isVariableDeclaration(declaration)) return undefined;
    if (declaration.initializer) return rootName(declaration.initializer);
    const loop = declaration.parent.parent;
    if (ts.isForOfStatement(loop)) return rootName(loop.expression);
    return assignedFrom(name);
  }

  private keep(map: Map<string, Set<FunctionNode>>, key: string | undefined, node: ts.Expression): void {
    const value = this.values.of(node);
    if (key === undefined || value.kind !== 'function') return;
    const known = map.get(key);
    if (known) known.add(value.node);
    else map.set(key, new Set([value.node]));
  }
}

export function isStoring({ expression }: ts.CallExpression): boolean {
  return ts.isPropertyAccessExpression(expression) && STORING.has(expression.name.text);
}

/** `while ((undo = undos.pop()))`: the list of an assignment in the loop's condition. */
function assignedFrom(name: ts.Identifier): string | undefined {
  for (let node: ts.Node = name; node.parent; node = node.parent) {
    if (!ts.isWhileStatement(node)) continue;
    let condition: ts.Expression = node.expression;
    while (isWrapper(condition)) condition = condition.expression;
    if (ts.isBinaryExpression(condition)) return rootName(condition.right);
  }
  return undefined;
}

/** `undos.reverse().slice(1)` → `undos`; a member chain ends in its last name. */
function rootName(node: ts.Expression): string | undefined {
  if (isWrapper(node)) return rootName(node.expression);
  if (ts.isIdentifier(node)) return node.text;
  if (ts.isCallExpression(node) && ts.isPropertyAccessExpression(node.expression))
    return rootName(node.expression.expression);
  if (ts.isArrayLiteralExpression(node)) {
    const spread = node.elements.find(ts.isSpreadElement);
    return spread && rootName(spread.expression);
  }
  if (ts.isElementAccessExpression(node)) return rootName(node.expression);
  return ts.isPropertyAccessExpression(node) ? node.name.text : undefined;
}
