import { noNondeterministicGlobals as rule } from './no-nondeterministic-globals.js';
import { javascript, ts, typescript } from '../testing/rule-tester.js';

typescript.run('no-nondeterministic-globals', rule, {
  valid: [
    'export const now = () => Date.now() + Math.random() + new Date().getTime();',
    'export const later = (f: () => void) => setTimeout(f, 5);',
    'export const mode = process.env.NODE_ENV;',
    "export const has = typeof Buffer !== 'undefined';",
    'export async function demo(fetch: (url: string) => void, process: string) { fetch(process); }',
    'export const own = (x: { crypto: number }) => x.crypto;',
    "import { crypto } from './own.js'; export const x = crypto;",
    'export type Fetch = typeof fetch; export let buffer: Buffer | undefined;',
    'export const keyed = { performance: 1 };',
  ].map((code) => ts({ code })),
  invalid: [
    ts({
      code: "export const load = () => fetch('https://example.com');",
      errors: [
        {
          message:
            'Workflow code cannot use `fetch`, which is missing or differs when the run is replayed: do it in an activity and call that through proxyActivities().',
          line: 1,
          column: 27,
        },
      ],
    }),
    ts({ code: 'export const home = () => process.env.HOME;', errors: [{ messageId: 'forbidden' }] }),
    ts({ code: 'globalThis.setInterval(() => {}, 1);', errors: [{ messageId: 'forbidden', column: 1 }] }),
    ts({ code: 'new WeakRef({}); new FinalizationRegistry(() => {});', errors: 2 }),
    ts({
      code: 'export const at = () => performance.now();',
      errors: [
        {
          messageId: 'forbidden',
          suggestions: [
            {
              messageId: 'replace',
              data: { text: 'Date.now' },
              output: 'export const at = () => Date.now();',
            },
          ],
        },
      ],
    }),
    ts({
      code: "import { sleep } from '@temporalio/workflow';\nexport const id = () => (sleep(1), crypto.randomUUID());",
      errors: [
        {
          messageId: 'forbidden',
          line: 2,
          suggestions: [
            {
              messageId: 'replace',
              data: { text: 'uuid4' },
              output:
                "import { sleep, uuid4 } from '@temporalio/workflow';\nexport const id = () => (sleep(1), uuid4());",
            },
          ],
        },
      ],
    }),
    ts({
      code: 'export const id = () => crypto.randomUUID();',
      errors: [
        {
          messageId: 'forbidden',
          suggestions: [
            {
              messageId: 'replace',
              data: { text: 'uuid4' },
              output:
                "import { uuid4 } from 'pegasus-workflows-sdk/workflow';\nexport const id = () => uuid4();",
            },
          ],
        },
      ],
    }),
    ts({
      code: "import * as wf from '@temporalio/workflow';\nexport const id = () => crypto.randomUUID() + wf.uuid4();",
      errors: [
        {
          messageId: 'forbidden',
          suggestions: [
            {
              messageId: 'replace',
              data: { text: 'wf.uuid4' },
              output:
                "import * as wf from '@temporalio/workflow';\nexport const id = () => wf.uuid4() + wf.uuid4();",
            },
          ],
        },
      ],
    }),
  ],
});

javascript.run('no-nondeterministic-globals, where the configuration declares the global', rule, {
  valid: ['export const now = Date.now();'],
  invalid: [
    {
      code: 'export const load = () => fetch("/");',
      languageOptions: { globals: { fetch: 'readonly' } },
      errors: [{ messageId: 'forbidden' }],
    },
  ],
});
