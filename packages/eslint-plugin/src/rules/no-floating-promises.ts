import type { Rule, SourceCode } from 'eslint';
import type * as ESTree from 'estree';
import {
  initialValue,
  propertyName,
  temporalName,
  variableOf,
  withoutAssertions,
} from '../syntax/bindings.js';
import { enclosingFunction } from '../syntax/functions.js';

/** Functions of Temporal whose promise is the point of calling them. */
const PROMISING = new Set(['sleep', 'condition', 'executeChild', 'startChild', 'continueAsNew']);
const SCOPES = new Set(['cancellable', 'nonCancellable', 'withTimeout']);
const PROXIES = new Set(['proxyActivities', 'proxyLocalActivities']);

export const noFloatingPromises: Rule.RuleModule = {
  meta: {
    type: 'problem',
    docs: {
      description:
        'Require that activities, timers, child workflows and continue-as-new are awaited; needs no types',
      recommended: true,
    },
    hasSuggestions: true,
    schema: [],
    messages: {
      floating:
        'Nobody waits for this {{what}}: the run goes on, may end before it, and its failure is lost. Write `await`, or `void` where that is meant.',
      await: 'Add `await`.',
    },
  },
  create(context) {
    const { sourceCode } = context;
    return {
      ExpressionStatement(node) {
        const { expression } = node;
        if (expression.type !== 'CallExpression') return;
        const what = promised(sourceCode, expression.callee);
        if (what === undefined) return;
        const canAwait = enclosingFunction(node)?.async ?? false;
        context.report({
          node: expression,
          messageId: 'floating',
          data: { what },
          suggest: canAwait
            ? [{ messageId: 'await', fix: (fixer) => fixer.insertTextBefore(expression, 'await ') }]
            : [],
        });
      },
    };
  },
};

/** What a call of this promises, in a word; undefined when nothing that is known here. */
function promised(source: SourceCode, callee: ESTree.Node): string | undefined {
  const name = temporalName(source, callee);
  if (name !== undefined) return PROMISING.has(name) ? `${name}()` : undefined;
  if (callee.type === 'Identifier') return isProxied(source, callee) ? 'activity' : undefined;
  if (callee.type !== 'MemberExpression') return undefined;
  if (temporalName(source, callee.object) === 'CancellationScope' && SCOPES.has(propertyName(callee) ?? ''))
    return 'scope';
  return isProxy(source, callee.object) ? 'activity' : undefined;
}

/** `charge` of `const { charge } = proxyActivities()`. */
function isProxied(source: SourceCode, node: ESTree.Identifier): boolean {
  const definition = variableOf(source, node)?.defs[0];
  if (definition?.type !== 'Variable' || definition.node.id.type !== 'ObjectPattern') return false;
  return Boolean(definition.node.init) && isProxy(source, definition.node.init!);
}

/** `proxyActivities(…)`, or a variable that holds its result. */
function isProxy(source: SourceCode, node: ESTree.Node): boolean {
  const value = withoutAssertions(node);
  if (value.type === 'CallExpression') return PROXIES.has(temporalName(source, value.callee) ?? '');
  if (value.type !== 'Identifier') return false;
  const definition = variableOf(source, value)?.defs[0];
  if (definition?.type !== 'Variable' || definition.node.id.type !== 'Identifier') return false;
  const initial = initialValue(source, value);
  return initial?.type === 'CallExpression' && isProxy(source, initial);
}
