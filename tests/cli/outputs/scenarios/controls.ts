import { type Scenario } from '../scenario.js';

const local = ['--profile', 'local'];
const nobody = '00000000-0000-4000-8000-000000000000';

/** Open runs that are interfered with, and dry runs. */
export const CONTROLS: Scenario[] = [
  {
    name: 'run dry',
    args: ['run', 'demo', '--dry-run', '--wait', '--input', '{"name": "Ada"}', ...local],
    code: 0,
    after: (stage) => stage.keepNewestRun('demo', 'dry'),
  },
  { name: 'executions mutations', args: ['executions', 'mutations', 'demo', '{dry}', ...local], code: 0 },
  {
    name: 'executions mutations of a real run',
    args: ['executions', 'mutations', 'demo', '{completed}', ...local],
    code: 0,
  },
  {
    name: 'run later',
    args: ['run', 'demo', '--delay', '2d', '--priority', '1', '--concurrency-key', 'k', ...local],
    code: 0,
    after: (stage) => stage.keepNewestRun('demo', 'later'),
  },
  {
    name: 'run with a limit of nothing',
    args: ['run', 'demo', '--concurrency-limit', '2', ...local],
    code: 2,
  },
  { name: 'run with half a debounce', args: ['run', 'demo', '--debounce', 'k', ...local], code: 2 },
  {
    name: 'executions pause of a queued run',
    args: ['executions', 'pause', 'demo', '{later}', ...local],
    code: 5,
  },
  {
    name: 'executions cancel of all that fit',
    args: ['executions', 'cancel', 'demo', '--matching', 'status=QUEUED', '--yes', ...local],
    code: 0,
  },
  {
    name: 'executions retry of all that fit, which are none',
    args: ['executions', 'retry', 'demo', '--matching', 'status=TIMED_OUT', ...local],
    code: 0,
  },
  {
    name: 'executions cancel of a field there is not',
    args: ['executions', 'cancel', 'demo', '--matching', 'statu=QUEUED', ...local],
    code: 2,
  },
  { name: 'executions cancel of nothing', args: ['executions', 'cancel', 'demo', ...local], code: 2 },
  {
    name: 'executions update of no such name',
    args: ['executions', 'update', 'gate', '{renamed}', 'renam', ...local],
    code: 1,
    before: async (stage) => {
      await stage.terminal.runHere(['run', 'gate', ...local]);
      await stage.keepNewestRun('gate', 'renamed');
      await stage.untilSeen('renamed', 'gate', 'ActivityTaskCompleted');
    },
  },
  {
    name: 'executions update',
    args: ['executions', 'update', 'gate', '{renamed}', 'rename', '--arg', '"door"', ...local],
    code: 0,
  },
  {
    name: 'executions pause of a run with nothing pending',
    args: ['executions', 'pause', 'gate', '{renamed}', ...local],
    code: 5,
  },
  {
    name: 'executions pause',
    args: ['executions', 'pause', 'faulty', '{retrying}', ...local],
    code: 0,
    before: async (stage) => {
      await stage.terminal.runHere(['run', 'faulty', '--input', '{"patient": true}', ...local]);
      await stage.keepNewestRun('faulty', 'retrying');
      await stage.untilRetrying('retrying', 'faulty');
    },
  },
  {
    name: 'executions unpause',
    args: ['executions', 'unpause', 'faulty', '{retrying}', ...local],
    code: 0,
    after: async (stage) => {
      await stage.terminal.runHere(['executions', 'terminate', 'faulty', '{retrying}', '--yes', ...local]);
    },
  },
  {
    name: 'executions unpause of no such run',
    args: ['executions', 'unpause', 'gate', nobody, ...local],
    code: 4,
  },
  {
    name: 'executions mutations of no such run',
    args: ['executions', 'mutations', 'demo', nobody, ...local],
    code: 4,
  },
  {
    name: 'executions reset',
    args: ['executions', 'reset', 'gate', '{renamed}', '--to', 'first-workflow-task', '--yes', ...local],
    code: 0,
  },
  {
    name: 'executions reset to no such point',
    args: ['executions', 'reset', 'gate', '{renamed}', '--to', 'yesterday', ...local],
    code: 2,
  },
  {
    name: 'executions terminate',
    args: ['executions', 'terminate', 'gate', '{renamed}', '--reason', 'tidy', '--yes', ...local],
    code: 0,
  },
  {
    name: 'executions terminate of an ended run',
    args: ['executions', 'terminate', 'gate', '{renamed}', ...local],
    code: 5,
  },
  {
    name: 'executions update of an ended run',
    args: ['executions', 'update', 'gate', '{renamed}', 'rename', ...local],
    code: 5,
  },
];
