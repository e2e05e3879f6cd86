/** Which variables a signal's handler changes and which ones a wait looks at: what joins the two, by their spelling. */
import ts from 'typescript';
import { type FunctionNode, isFunction, isWrapper, type Values } from '../code/values.js';

/** Methods that change what they are called on. */
const MUTATORS = new Set([
  'push',
  'unshift',
  'add',
  'set',
  'delete',
  'clear',
  'splice',
  'pop',
  'shift',
  'append',
]);
/** Functions calling functions: further away, the link is not one a reader would see. */
const DEPTH = 4;

/** Names and member chains that an expression or the functions in it look at. */
export function readsOf(node: ts.Node, values: Values): Set<string> {
  const found = new Set<string>();
  walk(node, values, 0, (one) => {
    if (ts.isIdentifier(one) || ts.isPropertyAccessExpression(one)) found.add(spelling(one));
  });
  return found;
}

/** Names and member chains that a function assigns, counts or mutates. */
export function writesOf(node: ts.Node, values: Values): Set<string> {
  const found = new Set<string>();
  walk(node, values, 0, (one) => {
    if (ts.isBinaryExpression(one) && isAssignment(one.operatorToken.kind)) found.add(spelling(one.left));
    if ((ts.isPrefixUnaryExpression(one) || ts.isPostfixUnaryExpression(one)) && isCount(one.operator))
      found.add(spelling(one.operand));
    if (!ts.isCallExpression(one) || !ts.isPropertyAccessExpression(one.expression)) return;
    if (MUTATORS.has(one.expression.name.text)) found.add(spelling(one.expression.expression));
  });
  return found;
}

function walk(node: ts.Node, values: Values, depth: number, see: (node: ts.Node) => void): void {
  see(node);
  const called = calledFunction(node, values);
  if (called && depth < DEPTH) walk(called.body, values, depth + 1, see);
  ts.forEachChild(node, (child) => {
    if (!ts.isTypeNode(child)) walk(child, values, depth, see);
  });
}

/** A function that is called or handed over by its name. */
function calledFunction(node: ts.Node, values: Values): FunctionNode | undefined {
  if (!ts.isIdentifier(node) || isFunction(node.parent)) return undefined;
  if (ts.isPropertyAccessExpression(node.parent) || ts.isVariableDeclaration(node.parent)) return undefined;
  const value = values.of(node);
  return value.kind === 'function' ? value.node : undefined;
}

function spelling(node: ts.Expression): string {
  return isWrapper(node)
    ? spelling(node.expression)
    : node
        .getText()
        .replace(/[\s?!]/g, '')
        .slice(0, 200);
}

function isAssignment(kind: ts.SyntaxKind): boolean {
  return kind >= ts.SyntaxKind.FirstAssignment && kind <= ts.SyntaxKind.LastAssignment;
}

function isCount(operator: ts.SyntaxKind): boolean {
  return operator === ts.SyntaxKind.PlusPlusToken || operator === ts.SyntaxKind.MinusMinusToken;
}
