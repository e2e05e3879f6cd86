import { afterAll, expect, test, vi } from 'vitest';
import { formatProblem } from '../problems/index.js';
import { checkDiagram, closeDiagrams } from './check-diagram.js';
import { MermaidThread } from './mermaid-thread.js';

// Starting Mermaid takes seconds on a busy machine.
vi.setConfig({ testTimeout: 90_000 });
afterAll(closeDiagrams);

test.each([
  'flowchart TD\n  a[Start] --> b{Ok?}\n  b -->|yes| c',
  'sequenceDiagram\n  A->>B: hi',
  'stateDiagram-v2\n  [*] --> Waiting',
  '\uFEFFflowchart TD\r\n  a --> b\r\n',
  '---\ntitle: Order\n---\n%% a note\nflowchart LR\n  a["<b>bold</b>"] --> b',
  '%%{init: {"theme": "dark", "securityLevel": "loose"}}%%\nflowchart TD\n  a --> b',
  'gantt\n  dateFormat YYYY-MM-DD\n  section A\n  task :a, 2024-01-01, 1d',
])('takes %j', async (text) => {
  expect(await checkDiagram(text)).toEqual([]);
});

test.each([
  ['', 'd.mmd is empty — write a Mermaid diagram, such as "flowchart TD"'],
  ['hello world', /^d\.mmd:1:1 is not Mermaid: its first word names no type of diagram — begin with/],
  ['flowchart TD\n  a --> b\n  b -->|x\n', /^d\.mmd:3:\d+ is not valid Mermaid: unexpected /],
  [
    '---\ntitle: x\n---\n%% note\nflowchart TD\n%% another\n  a --> b\n  c --[\n',
    /^d\.mmd:8 is not valid Mermaid: unexpected end of line/,
  ],
  ['---\ntitle: [\n---\nflowchart TD\n  a\n', /^d\.mmd.* is not valid Mermaid: /],
  ['sequenceDiagram\n  A->>\n', /^d\.mmd:\d.* is not valid Mermaid/],
])('refuses %j', async (text, problem) => {
  const problems = (await checkDiagram(text, 'd.mmd')).map(formatProblem);
  expect(problems).toEqual([typeof problem === 'string' ? problem : expect.stringMatching(problem)]);
});

test('leaves the globals of the process alone', () => {
  expect(globalThis).not.toHaveProperty('window');
  expect(globalThis).not.toHaveProperty('document');
});

test('a diagram whose time is up fails alone; the next one gets a new thread (1, 2)', async () => {
  const thread = new MermaidThread();
  const long = `flowchart TD\n${Array.from({ length: 400 }, (_, index) => `  n${index} --> n${index + 1}`).join('\n')}`;
  const replies = await Promise.all([
    thread.parse(long, 1),
    thread.parse(long, 20_000),
    thread.parse('nonsense', 20_000),
  ]);
  expect(replies).toEqual([
    { message: 'Mermaid took longer than 1 ms' },
    null,
    expect.objectContaining({ message: expect.stringMatching(/No diagram type/) }),
  ]);
  await thread.close();
});
