import { ts, typescript } from '../testing/rule-tester.js';
import { noSwallowedCancellation as rule } from './no-swallowed-cancellation.js';

const IMPORT = "import { CancellationScope, isCancellation, sleep } from '@temporalio/workflow';";
const demo = (body: string): string =>
  `${IMPORT}\nexport async function demo(call: any, log: any) {\n${body}\n}`;

typescript.run('no-swallowed-cancellation', rule, {
  valid: [
    'try { await call(); } catch (error) { log(error); throw error; }',
    'try { await call(); } catch (error) { if (isCancellation(error)) return; log(error); }',
    "try { await call(); } catch (error) { if (error.type !== 'Declined') throw error; return undefined; }",
    'try { JSON.parse(call); } catch { return undefined; }',
    'try { call(async () => { await sleep(1); }); } catch { return undefined; }',
    'try { await CancellationScope.nonCancellable(() => call()); } catch (error) { log(error); }',
    'await CancellationScope.nonCancellable(async () => { try { await call(); } catch (error) { log(error); } });',
    'try { await call(); } finally { log(); }',
  ].map((body) => ts({ code: demo(body) })),
  invalid: [
    ts({
      code: demo('try { await call(); } catch (cause) { log(cause); }'),
      errors: [
        {
          messageId: 'swallowed',
          line: 3,
          column: 23,
          suggestions: [
            {
              messageId: 'rethrow',
              output: demo(
                'try { await call(); } catch (cause) { if (isCancellation(cause)) throw cause; log(cause); }',
              ),
            },
          ],
        },
      ],
    }),
    ts({
      code: 'export async function demo(call: any) {\ntry { if (call) await call(); } catch { return 1; }\n}',
      errors: [
        {
          messageId: 'swallowed',
          suggestions: [
            {
              messageId: 'rethrow',
              output:
                "import { isCancellation } from 'pegasus-workflows-sdk/workflow';\nexport async function demo(call: any) {\ntry { if (call) await call(); } catch (error) { if (isCancellation(error)) throw error; return 1; }\n}",
            },
          ],
        },
      ],
    }),
    ts({
      code: demo('try { for await (const x of call) log(x); } catch ({ message }) { log(message); }'),
      errors: [{ messageId: 'swallowed' }],
    }),
  ],
});
