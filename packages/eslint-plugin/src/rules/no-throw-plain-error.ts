import type { Rule, SourceCode } from 'eslint';
import type * as ESTree from 'estree';
import { initialValue, isGlobal, temporalName, variableOf } from '../syntax/bindings.js';
import { ancestors, enclosingFunction, type FunctionNode, isFunction } from '../syntax/functions.js';
import { usable } from '../syntax/temporal-import.js';

const ERRORS: readonly string[] = [
  'Error',
  'AggregateError',
  'EvalError',
  'RangeError',
  'ReferenceError',
  'SyntaxError',
  'TypeError',
  'URIError',
];

export const noThrowPlainError: Rule.RuleModule = {
  meta: {
    type: 'problem',
    docs: {
      description:
        'Disallow throwing a plain error: it does not fail the run, it repeats the workflow task for ever',
      recommended: true,
    },
    hasSuggestions: true,
    schema: [
      {
        type: 'object',
        properties: { allow: { type: 'array', items: { type: 'string' }, uniqueItems: true } },
        additionalProperties: false,
      },
    ],
    defaultOptions: [{ allow: [] }],
    messages: {
      plain:
        'A plain error does not fail a run: Temporal takes it for a bug of the code and repeats the workflow task for ever. Throw `ApplicationFailure.nonRetryable(message, type)`.',
      replace: 'Throw `ApplicationFailure.nonRetryable()` instead.',
    },
  },
  create(context) {
    const { sourceCode } = context;
    const { allow } = context.options[0] as { allow: string[] };
    return {
      ThrowStatement(node) {
        const thrown = node.argument;
        if (!isPlain(sourceCode, thrown, allow) || isCaughtHere(node) || isAnswer(sourceCode, node)) return;
        context.report({ node: thrown, messageId: 'plain', suggest: suggestions(sourceCode, thrown) });
      },
    };
  },
};

function suggestions(source: SourceCode, thrown: ESTree.Node): Rule.SuggestionReportDescriptor[] {
  const message = isText(thrown) ? thrown : 'arguments' in thrown ? thrown.arguments[0] : undefined;
  // `new Error(message, { cause })` says more than can be carried over without thought.
  if ('arguments' in thrown && thrown.arguments.length > 1) return [];
  const { text, addImport } = usable(source, 'ApplicationFailure');
  const argument = message ? source.getText(message) : '';
  return [
    {
      messageId: 'replace',
      fix: (fixer) => [fixer.replaceText(thrown, `${text}.nonRetryable(${argument})`), ...addImport(fixer)],
    },
  ];
}

function isText(node: ESTree.Node): boolean {
  return node.type === 'TemplateLiteral' || (node.type === 'Literal' && typeof node.value === 'string');
}

function isPlain(source: SourceCode, node: ESTree.Node, allow: readonly string[]): boolean {
  if (isText(node)) return true;
  if (node.type !== 'NewExpression' && node.type !== 'CallExpression') return false;
  return node.callee.type === 'Identifier' && isErrorClass(source, node.callee, allow);
}

/** JavaScript's own classes, and what the file derives from them. */
function isErrorClass(source: SourceCode, name: ESTree.Identifier, allow: readonly string[]): boolean {
  if (allow.includes(name.name)) return false;
  if (isGlobal(source, name)) return ERRORS.includes(name.name);
  const definition = variableOf(source, name)?.defs[0];
  if (definition?.type !== 'ClassName') return false;
  const { superClass } = definition.node;
  return (
    superClass?.type === 'Identifier' &&
    superClass.name !== name.name &&
    isErrorClass(source, superClass, allow)
  );
}

function isCaughtHere(node: Rule.Node): boolean {
  let below = node;
  for (const above of ancestors(node)) {
    if (isFunction(above)) return false;
    if (above.type === 'TryStatement' && above.handler && above.block === below) return true;
    below = above;
  }
  return false;
}

/** An update's validator refuses by any error, and a query's handler answers with it: no run fails by either. */
function isAnswer(source: SourceCode, node: Rule.Node): boolean {
  for (let inside = enclosingFunction(node); inside; inside = enclosingFunction(inside)) {
    if (isValidator(inside) || isQueryHandler(source, inside)) return true;
  }
  return false;
}

function isValidator({ parent }: Rule.NodeParentExtension): boolean {
  return parent.type === 'Property' && parent.key.type === 'Identifier' && parent.key.name === 'validator';
}

function isQueryHandler(source: SourceCode, node: FunctionNode & Rule.NodeParentExtension): boolean {
  const call = node.parent;
  if (call.type !== 'CallExpression' || call.arguments[1] !== node) return false;
  if (temporalName(source, call.callee) !== 'setHandler') return false;
  const [definition] = call.arguments;
  const made = definition?.type === 'Identifier' ? initialValue(source, definition) : definition;
  return made?.type === 'CallExpression' && temporalName(source, made.callee) === 'defineQuery';
}
