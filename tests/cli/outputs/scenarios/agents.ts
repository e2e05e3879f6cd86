import { type SubagentResult } from '@pegasus-workflows/contracts/agents';
import { agentFor, agentIsDone, keepDispatch, offering, reporting } from '../agents.js';
import { type Scenario } from '../scenario.js';

const local = ['--profile', 'local'];
const noKey = { env: { HOME: '/nonexistent' }, code: 3 };
const NONE = '00000000-0000-4000-8000-000000000000';
const agents = (...words: string[]): string[] => ['agents', ...words, ...local];
const run = (...words: string[]): string[] => agents('run', '--role', 'coder', ...words);

const question = {
  id: 'call-7',
  toolName: 'bash',
  rule: 'mode:ask',
  why: 'It would run a program.',
  // What would hide itself on a terminal is shown for what it is.
  arguments: '{"command":"npm test"}\n\u001b[1A\u202eharmless',
};
const shipped: Partial<SubagentResult> = {
  status: 'shipped',
  summary: 'The test is mended.',
  filesChanged: ['a.ts', 'b.ts'],
};
const blocked: Partial<SubagentResult> = { status: 'blocked', summary: 'The path .env is denied.' };

/** Dispatches, whose agent the scenarios are themselves. */
export const AGENTS: Scenario[] = [
  { name: 'agents roles', args: ['agents', 'roles'], code: 0 },
  { name: 'agents roles of one', args: ['agents', 'roles', 'coder'], code: 2 },
  { name: 'agents workspaces of none', args: agents('workspaces'), code: 0 },
  { name: 'agents workspaces without credentials', args: ['agents', 'workspaces'], ...noKey },
  { name: 'agents run without a host', args: run('Mend the flaky test.'), code: 4 },
  { name: 'agents workspaces', before: offering('shop', 'site'), args: agents('workspaces'), code: 0 },
  {
    name: 'agents run in one of several workspaces',
    before: offering('shop', 'site'),
    args: run('Mend the flaky test.'),
    code: 2,
  },
  { name: 'agents run of no role', args: agents('run', '--role', 'codr', 'x'), code: 2 },
  { name: 'agents run in no mode', args: run('--mode', 'yolo', 'x'), code: 2 },
  { name: 'agents run of nothing', args: run(), code: 2 },
  { name: 'agents run of an empty prompt', args: run('-'), input: '\n', code: 2 },
  { name: 'agents run of two prompts', args: run('x', '--prompt-file', 'y'), code: 2 },
  { name: 'agents run for no money', args: run('--budget-usd', '0', 'x'), code: 2 },
  {
    name: 'agents run elsewhere, where nobody is',
    before: offering('shop'),
    args: run('--remote', '--workspace', 'shop', 'x'),
    code: 2,
  },
  { name: 'agents run here without a file', args: run('--local', 'x'), code: 2 },
  { name: 'agents run here and detached', args: run('--local', '--detach', 'x'), code: 2 },
  { name: 'agents run elsewhere with a file', args: run('--agents-file', 'a.toml', 'x'), code: 2 },
  { name: 'agents run in no workspace', args: run('--workspace', 'attic', 'x'), code: 4 },
  { name: 'agents list of none', args: agents('list'), code: 0 },
  { name: 'agents list of no state', args: agents('list', '--state', 'done'), code: 2 },
  {
    name: 'agents run detached',
    before: offering('shop', 'site'),
    args: [
      ...run('--detach', '--mode', 'accept-edits', '--workspace', 'shop', '--model', 'small', '-'),
      ...['--budget-usd', '1.5', '--budget-tokens', '50000', '--budget-minutes', '10', '--merge', 'auto'],
      ...['--allow', 'src/**', '--allow', 'test/**', '--deny', '.env*'],
    ],
    input: 'Mend the flaky test.\nIt fails on Mondays.\n',
    after: keepDispatch('dispatch'),
    code: 0,
  },
  { name: 'agents logs of what was not begun', args: agents('logs', '{dispatch}'), code: 0 },
  {
    name: 'agents show',
    before: reporting('dispatch', { calls: ['read'] }),
    args: agents('show', '{dispatch}'),
    code: 0,
  },
  { name: 'agents show of none', args: agents('show', NONE), code: 4 },
  { name: 'agents approve of nothing', args: agents('approve', '{dispatch}'), code: 5 },
  {
    name: 'agents show of one that asks',
    before: reporting('dispatch', { state: 'WAITING', calls: ['bash'], question }),
    args: agents('show', '{dispatch}'),
    code: 0,
  },
  {
    name: 'agents approve of another question',
    args: agents('approve', '{dispatch}', '--question', 'call-6'),
    code: 5,
  },
  { name: 'agents approve', args: agents('approve', '{dispatch}', '--question', 'call-7'), code: 0 },
  {
    name: 'agents refuse',
    before: reporting('dispatch', { state: 'WAITING', question: { ...question, id: 'call-8' } }),
    args: agents('refuse', '{dispatch}'),
    code: 0,
  },
  { name: 'agents refuse of none', args: agents('refuse', NONE), code: 4 },
  {
    name: 'agents pause',
    before: reporting('dispatch', {}),
    args: agents('pause', '{dispatch}'),
    code: 0,
  },
  { name: 'agents pause of none', args: agents('pause', NONE), code: 4 },
  { name: 'agents resume', args: agents('resume', '{dispatch}'), code: 0 },
  { name: 'agents resume of none', args: agents('resume', NONE), code: 4 },
  { name: 'agents cancel', args: agents('cancel', '{dispatch}'), code: 0 },
  { name: 'agents cancel of none', args: agents('cancel', NONE), code: 4 },
  { name: 'agents logs', args: agents('logs', '{dispatch}'), code: 0 },
  { name: 'agents logs of none', args: agents('logs', NONE), code: 4 },
  {
    name: 'agents watch of one that was blocked',
    before: reporting('dispatch', { result: blocked }),
    args: agents('watch', '{dispatch}'),
    code: 1,
  },
  { name: 'agents cancel of what has ended', args: agents('cancel', '{dispatch}'), code: 5 },
  { name: 'agents watch of none', args: agents('watch', NONE), code: 4 },
  {
    name: 'agents run',
    before: agentFor('Mend it.', { calls: ['read', 'edit'] }, { result: shipped }),
    args: run('--mode', 'acceptEdits', 'Mend it.'),
    after: agentIsDone,
    code: 0,
  },
  { name: 'agents watch', before: keepDispatch('shipped'), args: agents('watch', '{shipped}'), code: 0 },
  { name: 'agents logs followed', args: agents('logs', '{shipped}', '--follow'), code: 0 },
  {
    name: 'agents run no longer than',
    before: offering('shop'),
    args: run('--timeout', '2s', 'Wait.'),
    code: 6,
  },
  { name: 'agents list', args: agents('list', '--role', 'coder', '--limit', '2'), code: 0 },
];
