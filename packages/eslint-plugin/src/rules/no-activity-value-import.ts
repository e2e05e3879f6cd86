import { TYPE_IMPORT_FIX } from '@pegasus-workflows/contracts/determinism';
import type { Rule } from 'eslint';
import type * as ESTree from 'estree';
import { isErased, isMarkedType, isTypeExport } from '../syntax/types-only.js';

/** `./activities`, `../activities.js`, `./activities/index.ts`: the module whose exports are activities. */
const ACTIVITIES = /^\.{1,2}\/(?:.*\/)?activities(?:\/index)?(?:\.[cm]?[jt]s)?$/;

export const noActivityValueImport: Rule.RuleModule = {
  meta: {
    type: 'problem',
    docs: {
      description:
        'Disallow importing the activities as values: a workflow knows their types and calls them by name',
      recommended: true,
    },
    fixable: 'code',
    schema: [],
    messages: {
      value: `Calling an activity's function would run it inside the workflow, where it cannot work: ${TYPE_IMPORT_FIX}.`,
      unmarked:
        'Only types of the activities are used here: write `import type`, so that no bundler brings the rest.',
    },
  },
  create(context) {
    const isActivities = (source: ESTree.Literal): boolean => ACTIVITIES.test(String(source.value));
    return {
      ImportDeclaration(node) {
        if (!isActivities(node.source) || isMarkedType(node)) return;
        if (node.specifiers.length > 0 && node.specifiers.every(isMarkedType)) return;
        if (!isErased(node, context)) context.report({ node: node.source, messageId: 'value' });
        else context.report({ node: node.source, messageId: 'unmarked', fix: markAsType(node, context) });
      },
      ExportNamedDeclaration(node) {
        if (node.source && isActivities(node.source) && !isTypeExport(node))
          context.report({ node: node.source, messageId: 'value' });
      },
      ExportAllDeclaration(node) {
        if (isActivities(node.source) && !isTypeExport(node))
          context.report({ node: node.source, messageId: 'value' });
      },
    };
  },
};

/** `import type` may not be mixed with a `type` of a single name, nor bring a default and names at once. */
function markAsType(
  node: ESTree.ImportDeclaration,
  { sourceCode }: Rule.RuleContext,
): Rule.ReportFixer | null {
  const hasDefault = node.specifiers.some(({ type }) => type === 'ImportDefaultSpecifier');
  if (node.specifiers.some(isMarkedType) || (hasDefault && node.specifiers.length > 1)) return null;
  const keyword = sourceCode.getFirstToken(node);
  return keyword && ((fixer) => fixer.insertTextAfter(keyword, ' type'));
}
