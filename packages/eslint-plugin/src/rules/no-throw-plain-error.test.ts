import { ts, typescript } from '../testing/rule-tester.js';
import { noThrowPlainError as rule } from './no-throw-plain-error.js';

typescript.run('no-throw-plain-error', rule, {
  valid: [
    "import { ApplicationFailure } from '@temporalio/workflow'; export const f = () => { throw ApplicationFailure.nonRetryable('no'); };",
    'export const again = (error: unknown) => { throw error; };',
    "import { Refused } from './refused.js'; export const f = () => { throw new Refused(); };",
    // Caught where it is thrown.
    "export const f = () => { try { throw new Error('x'); } catch { return 1; } };",
    // Refuses an update, and answers a query: neither fails the run.
    "import { setHandler } from '@temporalio/workflow'; export const f = (u: never) => setHandler(u, () => 1, { validator: (n: number) => { if (n < 0) throw new Error('negative'); } });",
    "import { defineQuery, setHandler } from '@temporalio/workflow'; const q = defineQuery('q'); export const f = () => setHandler(q, () => { throw new Error('none yet'); });",
  ]
    .map((code) => ts({ code }))
    .concat([
      ts({
        code: "class Mine extends Error {} export const f = () => { throw new Mine('x'); };",
        options: [{ allow: ['Mine'] }],
      }),
    ]),
  invalid: [
    ts({
      code: "export async function demo() {\n  throw new Error('no such order');\n}",
      errors: [
        {
          messageId: 'plain',
          line: 2,
          column: 9,
          suggestions: [
            {
              messageId: 'replace',
              output:
                "import { ApplicationFailure } from 'pegasus-workflows-sdk/workflow';\nexport async function demo() {\n  throw ApplicationFailure.nonRetryable('no such order');\n}",
            },
          ],
        },
      ],
    }),
    ts({
      code: "import { ApplicationFailure as Failure } from '@temporalio/workflow';\nexport const f = (x: string) => { throw TypeError(`bad ${x}`); };\nexport const g = Failure;",
      errors: [
        {
          messageId: 'plain',
          suggestions: [
            {
              messageId: 'replace',
              output:
                "import { ApplicationFailure as Failure } from '@temporalio/workflow';\nexport const f = (x: string) => { throw Failure.nonRetryable(`bad ${x}`); };\nexport const g = Failure;",
            },
          ],
        },
      ],
    }),
    ts({
      code: "export const f = (cause: unknown) => { throw new Error('x', { cause }); };",
      errors: [{ messageId: 'plain' }],
    }),
    ts({
      code: "class Base extends Error {} class Mine extends Base {} export const f = () => { throw new Mine('x', 1); };",
      errors: [{ messageId: 'plain' }],
    }),
    ts({
      code: "export const f = () => { throw 'text'; };",
      errors: [
        {
          messageId: 'plain',
          suggestions: [
            {
              messageId: 'replace',
              output:
                "import { ApplicationFailure } from 'pegasus-workflows-sdk/workflow';\nexport const f = () => { throw ApplicationFailure.nonRetryable('text'); };",
            },
          ],
        },
      ],
    }),
    // A signal's handler runs in the workflow task, as the workflow does.
    ts({
      code: "import { defineSignal, setHandler } from '@temporalio/workflow'; const s = defineSignal('s'); export const f = () => setHandler(s, () => { throw new Error('x', {}); });",
      errors: [{ messageId: 'plain' }],
    }),
  ],
});
