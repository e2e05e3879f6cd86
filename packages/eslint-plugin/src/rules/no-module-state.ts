import type { Rule, Scope } from 'eslint';
import type * as ESTree from 'estree';
import { propertyName, withoutAssertions } from '../syntax/bindings.js';
import { enclosingFunction } from '../syntax/functions.js';

/** Methods of arrays, maps and sets that change them. */
const MUTATORS = new Set(
  'add clear copyWithin delete fill pop push reverse set shift sort splice unshift'.split(' '),
);
const CONTAINERS = new Set(['Array', 'Map', 'Object', 'Set', 'WeakMap', 'WeakSet']);

export const noModuleState: Rule.RuleModule = {
  meta: {
    type: 'problem',
    docs: {
      description:
        'Disallow functions that change what the module holds: state belongs to a run, inside its function',
      recommended: true,
    },
    schema: [],
    messages: {
      changed:
        '"{{name}}" belongs to the module and is changed by a function: every run has its own copy, and continue-as-new loses it, so it is neither a cache nor a memory. Keep it inside the workflow function, and hand it on as an argument.',
    },
  },
  create(context) {
    return {
      'Program:exit'() {
        for (const variable of moduleVariables(context.sourceCode.scopeManager)) {
          const change = variable.references.find((reference) => changes(variable, reference));
          if (!change) continue;
          const { name } = variable;
          context.report({ node: change.identifier as ESTree.Node, messageId: 'changed', data: { name } });
        }
      },
    };
  },
};

function moduleVariables({ scopes }: Scope.ScopeManager): Scope.Variable[] {
  const top = scopes.find(({ type }) => type === 'module');
  return (top?.variables ?? []).filter(({ defs }) => defs[0]?.type === 'Variable');
}

function changes(variable: Scope.Variable, reference: Scope.Reference): boolean {
  const node = reference.identifier as ESTree.Identifier & Rule.NodeParentExtension;
  if (!enclosingFunction(node)) return false;
  if (reference.isWrite()) return true;
  return isContainer(variable) && isMutated(node);
}

/** Whether its initial value is an object, array, map or set that the file makes itself. */
function isContainer({ defs }: Scope.Variable): boolean {
  const definition = defs[0];
  if (definition?.type !== 'Variable' || !definition.node.init) return false;
  const initial = withoutAssertions(definition.node.init);
  if (initial.type === 'ArrayExpression' || initial.type === 'ObjectExpression') return true;
  return (
    initial.type === 'NewExpression' &&
    initial.callee.type === 'Identifier' &&
    CONTAINERS.has(initial.callee.name)
  );
}

/** `name.push(…)`, `name.count += 1`, `name[key] = …`, `delete name.key`, however deep. */
function isMutated(node: ESTree.Identifier & Rule.NodeParentExtension): boolean {
  let below: Rule.Node = node;
  for (let above = node.parent; above.type === 'MemberExpression'; above = above.parent) {
    if (above.object !== below) return false;
    below = above;
  }
  if (below.type !== 'MemberExpression') return false;
  const { parent } = below;
  if (parent.type === 'AssignmentExpression') return parent.left === below;
  if (parent.type === 'UpdateExpression') return true;
  if (parent.type === 'UnaryExpression') return parent.operator === 'delete';
  return (
    parent.type === 'CallExpression' && parent.callee === below && MUTATORS.has(propertyName(below) ?? '')
  );
}
