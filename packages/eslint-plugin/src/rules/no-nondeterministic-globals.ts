import { FORBIDDEN_GLOBALS } from '@pegasus-workflows/contracts/determinism';
import type { Rule, Scope, SourceCode } from 'eslint';
import type * as ESTree from 'estree';
import { isGlobal, propertyName } from '../syntax/bindings.js';
import { usable } from '../syntax/temporal-import.js';
import { isValueReference } from '../syntax/types-only.js';

type Used = (ESTree.Identifier | ESTree.MemberExpression) & Rule.NodeParentExtension;

/** Calls that have an equal in a workflow. */
const EQUALS: Record<
  string,
  (source: SourceCode) => { text: string; addImport(fixer: Rule.RuleFixer): Rule.Fix[] }
> = {
  'performance.now': () => ({ text: 'Date.now', addImport: () => [] }),
  'crypto.randomUUID': (source) => usable(source, 'uuid4'),
};

export const noNondeterministicGlobals: Rule.RuleModule = {
  meta: {
    type: 'problem',
    docs: {
      description:
        "Disallow globals that a workflow's sandbox does not have, or whose answer differs in a replay",
      recommended: true,
    },
    hasSuggestions: true,
    schema: [],
    messages: {
      forbidden:
        'Workflow code cannot use `{{name}}`, which is missing or differs when the run is replayed: {{fix}}.',
      replace: 'Write `{{text}}()`.',
    },
  },
  create(context) {
    const { sourceCode } = context;

    function report(node: Used, name: string): void {
      const fix = FORBIDDEN_GLOBALS.get(name);
      if (fix === undefined) return;
      context.report({ node, messageId: 'forbidden', data: { name, fix }, suggest: suggestions(node, name) });
    }

    function suggestions(node: Used, name: string): Rule.SuggestionReportDescriptor[] {
      const member = node.parent;
      if (member.type !== 'MemberExpression' || member.object !== node) return [];
      if (member.parent.type !== 'CallExpression' || member.parent.callee !== member) return [];
      const equal = EQUALS[`${name}.${propertyName(member)}`]?.(sourceCode);
      if (!equal) return [];
      const { text } = equal;
      return [
        {
          messageId: 'replace',
          data: { text },
          fix: (fixer) => [fixer.replaceText(member, text), ...equal.addImport(fixer)],
        },
      ];
    }

    return {
      'Program:exit'() {
        for (const reference of globalReferences(sourceCode)) {
          const node = reference.identifier as ESTree.Identifier & Rule.NodeParentExtension;
          if (isValueReference(reference) && !isHarmless(node)) report(node, node.name);
        }
      },
      MemberExpression(node) {
        const { object } = node;
        if (object.type === 'Identifier' && object.name === 'globalThis' && isGlobal(sourceCode, object))
          report(node, propertyName(node) ?? '');
      },
    };
  },
};

/** References to what the file does not declare, whether the configuration knows the name as a global or not. */
function globalReferences({ scopeManager }: SourceCode): Scope.Reference[] {
  const { globalScope } = scopeManager;
  if (!globalScope) return [];
  const known = globalScope.variables.filter(({ defs }) => defs.length === 0);
  return [...globalScope.through, ...known.flatMap(({ references }) => references)];
}

/** `typeof Buffer` reads nothing, in code as in types; the bundler makes a constant of `process.env.NODE_ENV`. */
function isHarmless(node: ESTree.Identifier & Rule.NodeParentExtension): boolean {
  const { parent } = node;
  if (parent.type === 'UnaryExpression') return parent.operator === 'typeof';
  if ((parent as { type: string }).type === 'TSTypeQuery') return true;
  if (node.name !== 'process' || parent.type !== 'MemberExpression' || propertyName(parent) !== 'env')
    return false;
  return parent.parent.type === 'MemberExpression' && propertyName(parent.parent) === 'NODE_ENV';
}
