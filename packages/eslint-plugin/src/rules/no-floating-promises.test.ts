import { ts, typescript } from '../testing/rule-tester.js';
import { noFloatingPromises as rule } from './no-floating-promises.js';

const IMPORT =
  "import { CancellationScope, continueAsNew, executeChild, proxyActivities, sleep as wait, condition } from 'pegasus-workflows-sdk/workflow';";
const PROXIES =
  'const { charge } = proxyActivities<any>({}); const shop = proxyActivities<any>({}); const { refund } = shop;';
const demo = (body: string): string => `${IMPORT}\n${PROXIES}\nexport async function demo() {\n${body}\n}`;
const floating = (body: string, what: string) =>
  ts({
    code: demo(body),
    errors: [
      {
        messageId: 'floating' as const,
        data: { what },
        line: 4,
        column: 1,
        suggestions: [{ messageId: 'await' as const, output: demo(`await ${body}`) }],
      },
    ],
  });

typescript.run('no-floating-promises', rule, {
  valid: [
    'await charge(); await shop.refund(); await wait(1); return continueAsNew();',
    'void charge(); const later = charge(); await later;',
    'await Promise.all([charge(), shop.refund()]);',
    'const sleep = () => 1; sleep();',
    'new Map().set(1, 2); console.log(1);',
    'await CancellationScope.nonCancellable(() => refund());',
  ].map((body) => ts({ code: demo(body) })),
  invalid: [
    floating('charge();', 'activity'),
    floating('refund();', 'activity'),
    floating('shop.refund();', 'activity'),
    floating("wait('1 day');", 'sleep()'),
    floating('condition(() => true);', 'condition()'),
    floating('executeChild(demo);', 'executeChild()'),
    floating('continueAsNew();', 'continueAsNew()'),
    floating('CancellationScope.nonCancellable(() => refund());', 'scope'),
    ts({
      code: "import * as workflow from '@temporalio/workflow'; export const f = () => { workflow.sleep(1); };",
      errors: [{ messageId: 'floating', suggestions: [] }],
    }),
  ],
});
