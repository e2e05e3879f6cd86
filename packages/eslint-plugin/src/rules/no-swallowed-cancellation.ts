import type { Rule, SourceCode } from 'eslint';
import type * as ESTree from 'estree';
import { propertyName, temporalName } from '../syntax/bindings.js';
import { ancestors, isFunction, withinFunction } from '../syntax/functions.js';
import { usable } from '../syntax/temporal-import.js';

/** Who names one of these has thought of cancellation. */
const AWARE = new Set(['isCancellation', 'CancelledFailure']);

export const noSwallowedCancellation: Rule.RuleModule = {
  meta: {
    type: 'suggestion',
    docs: {
      description: "Disallow a `catch` around `await` that would also swallow the run's cancellation",
      recommended: true,
    },
    hasSuggestions: true,
    schema: [],
    messages: {
      swallowed:
        'Cancelling the run makes the `await` above fail too, and this `catch` would go on as if nothing had happened: rethrow what is a cancellation.',
      rethrow: 'Begin with `if (isCancellation(error)) throw error;`.',
    },
  },
  create(context) {
    const { sourceCode } = context;
    return {
      CatchClause(node) {
        const attempt = node.parent;
        if (attempt.type !== 'TryStatement' || isShielded(sourceCode, node)) return;
        const parts = [...withinFunction(attempt.block, sourceCode.visitorKeys)];
        if (!parts.some((part) => canBeCancelled(sourceCode, part))) return;
        if (handlesCancellation(sourceCode, node.body)) return;
        const keyword = sourceCode.getFirstToken(node);
        context.report({
          loc: (keyword ?? node).loc!,
          messageId: 'swallowed',
          suggest: rethrow(sourceCode, node),
        });
      },
    };
  },
};

function canBeCancelled(source: SourceCode, node: ESTree.Node): boolean {
  if (node.type === 'ForOfStatement') return node.await;
  return node.type === 'AwaitExpression' && !isNonCancellable(source, node.argument);
}

function isNonCancellable(source: SourceCode, node: ESTree.Node): boolean {
  if (node.type !== 'CallExpression' || node.callee.type !== 'MemberExpression') return false;
  const { callee } = node;
  return (
    propertyName(callee) === 'nonCancellable' && temporalName(source, callee.object) === 'CancellationScope'
  );
}

/** Inside of `CancellationScope.nonCancellable(async () => …)` no cancellation arrives. */
function isShielded(source: SourceCode, node: Rule.Node): boolean {
  for (const above of ancestors(node)) {
    if (isFunction(above) && isNonCancellable(source, above.parent)) return true;
  }
  return false;
}

/** A `throw` anywhere in it is taken for a rethrow: this rule would rather miss than nag. */
function handlesCancellation(source: SourceCode, body: ESTree.BlockStatement): boolean {
  return [...withinFunction(body, source.visitorKeys)].some(
    (part) => part.type === 'ThrowStatement' || (part.type === 'Identifier' && AWARE.has(part.name)),
  );
}

function rethrow(source: SourceCode, node: ESTree.CatchClause): Rule.SuggestionReportDescriptor[] {
  if (node.param && node.param.type !== 'Identifier') return [];
  const name = node.param?.name ?? 'error';
  const { text, addImport } = usable(source, 'isCancellation');
  const keyword = source.getFirstToken(node);
  const brace = source.getFirstToken(node.body);
  if (!keyword || !brace) return [];
  return [
    {
      messageId: 'rethrow',
      fix: (fixer) => [
        ...(node.param ? [] : [fixer.insertTextAfter(keyword, ` (${name})`)]),
        fixer.insertTextAfter(brace, ` if (${text}(${name})) throw ${name};`),
        ...addImport(fixer),
      ],
    },
  ];
}
