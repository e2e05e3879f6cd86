import type { Rule } from 'eslint';
import { isGlobal } from '../syntax/bindings.js';

export const noDynamicImport: Rule.RuleModule = {
  meta: {
    type: 'problem',
    docs: {
      description: 'Disallow `import()` and `require()`: a workflow is one bundle, complete before it starts',
      recommended: true,
    },
    schema: [],
    messages: {
      dynamic:
        'A workflow is one bundle and cannot load a module while it runs: import it at the top of the file, or load it in an activity.',
    },
  },
  create(context) {
    return {
      ImportExpression(node) {
        context.report({ node, messageId: 'dynamic' });
      },
      CallExpression(node) {
        const { callee } = node;
        if (callee.type === 'Identifier' && callee.name === 'require' && isGlobal(context.sourceCode, callee))
          context.report({ node, messageId: 'dynamic' });
      },
    };
  },
};
