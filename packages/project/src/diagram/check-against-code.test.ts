import type { DiagramCheck } from '@pegasus-workflows/contracts';
import fc from 'fast-check';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { checkDiagramAgainstCode } from './check-against-code.js';
import { closeDiagrams } from './check-diagram.js';

// Starting Mermaid takes seconds on a busy machine.
vi.setConfig({ testTimeout: 120_000 });
afterAll(closeDiagrams);

const HEAD = `import * as wf from '@temporalio/workflow';
const acts = wf.proxyActivities<any>({ startToCloseTimeout: '1 minute' });
const { charge } = acts;
const approve = wf.defineSignal('approve');
`;
const CODE = `${HEAD}
export async function order() {
  wf.setHandler(approve, () => undefined);
  wf.setHandler(wf.defineUpdate('change-address'), () => undefined);
  await charge();
  await acts.sendReminder();
  await wf.executeChild('billing');
}
async function waitForMoney() {}
`;
const ALL = 'a["Send the reminder"] --> charge --> approve --> b[[Child: billing]]';

function check(
  diagram: string,
  code = CODE,
  runtime: 'typescript' | 'python' = 'typescript',
): Promise<DiagramCheck> {
  return checkDiagramAgainstCode(diagram, {
    entryPoints: [{ runtime, file: 'demo/workflow.ts', exportName: 'order' }],
    read: (file) => (file === 'demo/workflow.ts' ? code : undefined),
  });
}

async function findings(lines: string, code?: string): Promise<{ missing: string[]; unknown: string[] }> {
  const { missing, unknown } = await check(lines.includes('\n') ? lines : `flowchart TD\n  ${lines}\n`, code);
  return { missing: missing.map(({ name }) => name), unknown: unknown.map(({ name }) => name) };
}

describe('a node names a step', () => {
  test.each([
    ['by its id', 'sendReminder[Ping somebody]'],
    ['by the id of a drawing', 'activity_sendReminder["Ping"]:::activity'],
    ['by the id of a further use', 'activity_sendReminder__3["Ping"]'],
    ['by its words', 'x["Send the reminder"]'],
    ['by its words in another case', 'x["SEND-REMINDER"]'],
    ['by a part of its label', 'x["Send the reminder, after 3 days"]'],
    ['by a line of its label', 'x["Send a reminder<br/>by <b>mail</b>"]'],
    ['by the name in its label', 'x["Ping them (sendReminder)"]'],
    ['by a prefix', 'x["activity: send reminder"]'],
    ['on an arrow', 'x -- send the reminder --> y'],
    ['as a frame', 'subgraph s ["Send reminder"]\n    y\n  end'],
  ])('%s', async (_how, lines) => {
    const { missing, unknown } = await findings(`flowchart TD\n  ${lines}\n`);
    expect(missing).toEqual(
      ['approve', 'charge', 'billing'].sort((a, b) => order.indexOf(a) - order.indexOf(b)),
    );
    expect(unknown).toEqual([]);
  });
  const order = ['approve', 'charge', 'billing'];

  test.each([
    'x["Wait for: approve or reject"]',
    'x -- signal approve --> y',
    'signal_approve>"x"]:::signal',
  ])('a signal by %s', async (lines) => expect((await findings(lines)).missing).not.toContain('approve'));

  test.each(['x["Remind"]', 'x["Send the bill"]', 'x["Recharge"]', 'x["Send the reminder"]:::signal'])(
    'and %s does not',
    async (lines) => expect((await findings(lines)).missing).toContain('sendReminder'),
  );

  test.each([
    `sequenceDiagram\n  A->>B: Send the reminder\n  Note over A: charge\n  B-->>A: approve\n  A->>billing: go\n`,
    `stateDiagram-v2\n  [*] --> charge\n  charge --> sendReminder : approve\n  state "Child: billing" as b\n  sendReminder --> b\n`,
  ])('in %j', async (diagram) => {
    expect(await check(diagram)).toEqual({ verdict: 'MATCHES', missing: [], unknown: [] });
  });
});

describe('a node claims a step that does not exist', () => {
  test.each([
    ['sendBill[Send the bill]', 'sendBill'],
    ['x[sendBill]', 'sendBill'],
    ['x["sendBill(order)"]', 'sendBill'],
    ['x{sendBill}', 'sendBill'],
    ['x["signal: reject"]', 'reject'],
    ['x -- "child: shipping" --> y', 'shipping'],
    ['activity_sendBill["Send the bill"]:::activity', 'sendBill'],
    ['x["Send the bill"]:::activity', 'Send the bill'],
    ['update_rename["Rename"]:::update', 'rename'],
  ])('%s', async (lines, name) => {
    expect((await findings(`flowchart TD\n  ${ALL}\n  ${lines}\n`)).unknown).toEqual([name]);
  });

  test('and says on which line', async () => {
    const { unknown } = await check(`flowchart TD\n  ${ALL}\n  start --> sendBill\n`);
    expect(unknown).toEqual([{ node: 'sendBill', name: 'sendBill', line: 3 }]);
  });

  test.each([
    'x["Customer waits"]',
    'start([Start])',
    'x{"Paid?"}',
    'x["Done?"]',
    'orderPlaced([Order placed])',
    'isPaid{Paid?}',
    'waitForAnswer[Wait]',
    'waitForMoney[Money]',
    'signal_received["It came"]',
    'update_change_address["x"]:::update',
    'x -- yes --> y',
    'x["iOS and macOS users"]',
  ])('but not the prose of %s', async (lines) => {
    expect(await check(`flowchart TD\n  ${ALL}\n  ${lines}\n`)).toEqual({
      verdict: 'MATCHES',
      missing: [],
      unknown: [],
    });
  });
});

/** A function body → the steps that it has. */
const STEPS: Record<string, [body: string, steps: string[]]> = {
  'a shadowed name is no activity (values: 2)': ['const charge = () => 1; charge();', []],
  'an activity handed on': ['await [1, 2].map(charge);', ['charge']],
  'an activity by element': ["await acts['charge-it']();", ['charge-it']],
  'a low-level call': ["await wf.scheduleActivity('audit', []);", ['audit']],
  'a name in a constant': [
    "const NAME = 'audit'; await acts[NAME](); await wf.startChild(`${NAME}-child`);",
    ['audit', 'audit-child'],
  ],
  'a proxy passed on': ['await run(acts); async function run(some: any) { await some.ship(); }', ['ship']],
  'a proxy in an object': [
    'const { a } = { a: acts }; const { pack: wrap, ...rest } = a; await wrap(); await rest.ship();',
    ['pack', 'ship'],
  ],
  'code that is never called': ['return; function never() { return acts.ship(); }', []],
  'a query is none': ["wf.setHandler(wf.defineQuery('state'), () => 1);", []],
};

test.each(Object.entries(STEPS))('%s', async (_name, [body, steps]) => {
  const { missing } = await findings('x', `${HEAD}export async function order() { ${body} }`);
  expect(missing.sort()).toEqual([...steps].sort());
});

describe('there is no verdict', () => {
  test.each([
    ['on Python', check('flowchart TD\n  a', 'class order: pass', 'python'), /^Python code is not read/],
    ['on another type of diagram', check('pie\n  "a" : 1\n'), /^A diagram of type "pie" is not compared/],
    ['on what does not parse', check('flowchart TD\n  a --['), /does not parse/],
    [
      'on names that are computed',
      check('flowchart TD\n  a', `${HEAD}export async function order(x: string) { await acts[x](); }`),
      /^The code computes the name of a step at demo\/workflow\.ts:5\./,
    ],
    ['on too much code', check('flowchart TD\n  a', `${HEAD}//${'x'.repeat(5_000_000)}`), /too large/],
    [
      'on code nested too deeply',
      check('flowchart TD\n  a', `${HEAD}export const order = ${'('.repeat(50_000)}1${')'.repeat(50_000)};`),
      /nested too deeply/,
    ],
  ])('%s', async (_why, checking, note) => {
    expect(await checking).toEqual({
      verdict: 'UNCHECKED',
      missing: [],
      unknown: [],
      note: expect.stringMatching(note),
    });
  });

  test('and whatever is in the code or the diagram, there is no error (values: 1)', async () => {
    const word = fc.constantFrom(
      'await ',
      'acts',
      '.charge',
      '(',
      ')',
      '{',
      '}',
      '=>',
      'function ',
      'order',
      'export ',
      'const ',
      'wf.',
      'executeChild',
      "'x'",
      '...',
      'class ',
      '=',
      ';',
      '\n',
      '[',
      ']',
      '`${',
      '`',
      'async ',
    );
    const code = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.array(word, { maxLength: 40 }).map((words) => words.join('')),
    );
    const mark = fc.constantFrom(
      'a',
      '-->',
      '[',
      ']',
      '"',
      '{',
      ':::activity',
      '\n',
      'subgraph ',
      'end',
      '%%',
      '#35;',
      '<br>',
      'activity_x',
      '((',
      ')',
      'é',
      '`',
      '|',
    );
    const diagram = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.array(mark, { maxLength: 30 }).map((marks) => `flowchart TD\n${marks.join(' ')}`),
    );
    await fc.assert(
      fc.asyncProperty(diagram, code, async (text, source) => {
        const { verdict } = await check(text, HEAD + source);
        expect(['MATCHES', 'DIFFERS', 'UNCHECKED']).toContain(verdict);
        expect(await check(`flowchart TD\n  ${ALL}\n`, HEAD + source)).toHaveProperty('verdict');
      }),
      { numRuns: 150 },
    );
  });
});
