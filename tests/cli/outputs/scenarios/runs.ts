import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { type Scenario } from '../scenario.js';

const local = ['--profile', 'local'];
const nobody = '00000000-0000-4000-8000-000000000000';

/** Runs: started, followed, looked at, ended. */
export const RUNS: Scenario[] = [
  {
    name: 'run and wait',
    args: ['run', 'demo', '--wait', '--input', '{"name": "Ada"}', ...local],
    code: 0,
    after: (stage) => stage.keepNewestRun('demo', 'completed'),
  },
  {
    name: 'run with input from a pipe',
    args: ['run', 'demo', '--input', '-', ...local],
    input: '{"name": "Bo"}',
    code: 0,
    after: (stage) => stage.awaitNewestRun('demo'),
  },
  { name: 'run of no such workflow', args: ['run', 'dmo', ...local], code: 4 },
  {
    name: 'run with input that is no JSON',
    args: ['run', 'demo', '--input', '{"name": Ada}', ...local],
    code: 2,
  },
  { name: 'run without credentials', args: ['run', 'demo'], env: { HOME: '/nonexistent' }, code: 3 },
  { name: 'executions show', args: ['executions', 'show', 'demo', '{completed}', ...local], code: 0 },
  { name: 'executions show of no such run', args: ['executions', 'show', 'demo', nobody, ...local], code: 4 },
  { name: 'executions list', args: ['executions', 'list', 'demo', '--limit', '1', ...local], code: 0 },
  { name: 'executions list of no such workflow', args: ['executions', 'list', 'nothing', ...local], code: 4 },
  { name: 'executions watch', args: ['executions', 'watch', 'demo', '{completed}', ...local], code: 0 },
  { name: 'executions logs', args: ['executions', 'logs', 'demo', '{completed}', ...local], code: 0 },
  {
    name: 'executions logs of a level there is not',
    args: ['executions', 'logs', 'demo', '{completed}', '--level', 'warning', ...local],
    code: 2,
  },
  {
    name: 'executions logs of no such run',
    args: ['executions', 'logs', 'demo', nobody, ...local],
    code: 4,
  },
  { name: 'workflows logs', args: ['workflows', 'logs', 'demo', ...local], code: 0 },
  { name: 'workflows logs of no such workflow', args: ['workflows', 'logs', 'dmo', ...local], code: 4 },
  {
    name: 'executions watch of no such run',
    args: ['executions', 'watch', 'demo', nobody, ...local],
    code: 4,
  },
  {
    name: 'executions cancel of an ended run',
    args: ['executions', 'cancel', 'demo', '{completed}', ...local],
    code: 5,
  },
  {
    name: 'executions retry of a completed run',
    args: ['executions', 'retry', 'demo', '{completed}', ...local],
    code: 5,
  },
  {
    name: 'push of several workflows',
    args: ['push', ...local],
    cwd: 'gate',
    code: 0,
    before: (stage) => stage.bring('gate'),
  },
  {
    name: 'run of a workflow that fails',
    args: ['run', 'faulty', '--wait', ...local],
    code: 1,
    after: (stage) => stage.keepNewestRun('faulty', 'failed'),
  },
  {
    name: 'executions show of a failed run',
    args: ['executions', 'show', 'faulty', '{failed}', ...local],
    code: 0,
  },
  { name: 'executions retry', args: ['executions', 'retry', 'faulty', '{failed}', ...local], code: 0 },
  {
    name: 'run that waits',
    args: ['run', 'gate', ...local],
    code: 0,
    after: async (stage) => {
      await stage.keepNewestRun('gate', 'waiting');
      await stage.untilSeen('waiting', 'gate', 'ActivityTaskCompleted');
    },
  },
  {
    name: 'executions show of a run that waits',
    args: ['executions', 'show', 'gate', '{waiting}', ...local],
    code: 0,
  },
  {
    name: 'executions query',
    args: ['executions', 'query', 'gate', '{waiting}', 'state', ...local],
    code: 0,
  },
  {
    name: 'executions query of no such name',
    args: ['executions', 'query', 'gate', '{waiting}', 'stat', ...local],
    code: 1,
  },
  {
    name: 'executions signal',
    args: ['executions', 'signal', 'gate', '{waiting}', 'open', '--arg', '"Ada"', ...local],
    code: 0,
  },
  {
    name: 'executions watch of a run that was opened',
    args: ['executions', 'watch', 'gate', '{waiting}', ...local],
    code: 0,
  },
  {
    name: 'executions signal to an ended run',
    args: ['executions', 'signal', 'gate', '{waiting}', 'open', ...local],
    code: 5,
  },
  {
    name: 'executions cancel',
    args: ['executions', 'cancel', 'gate', '{cancelled}', ...local],
    code: 0,
    before: async (stage) => {
      await stage.terminal.runHere(['run', 'gate', ...local]);
      await stage.keepNewestRun('gate', 'cancelled');
      await stage.untilSeen('cancelled', 'gate', 'ActivityTaskCompleted');
    },
  },
  {
    name: 'executions export',
    args: ['executions', 'export', 'gate', '{waiting}', '-o', 'kept.json', ...local],
    code: 0,
  },
  {
    name: 'executions export of no such run',
    args: ['executions', 'export', 'gate', nobody, ...local],
    code: 4,
  },
  {
    name: 'executions list by status',
    args: ['executions', 'list', 'gate', '--status', 'CANCELLED', ...local],
    code: 0,
  },
  {
    name: 'executions list by a status there is not',
    args: ['executions', 'list', 'gate', '--status', 'CANCELED', ...local],
    code: 2,
  },
  { name: 'replay', args: ['replay', 'gate', '--from', 'kept.json', '-C', 'gate'], code: 0 },
  {
    name: 'replay against code that was reordered',
    args: ['replay', 'gate', '--from', 'kept.json', '-C', 'gate'],
    code: 1,
    alone: true,
    before: async (stage) => {
      const file = path.join(stage.terminal.root, 'gate/gate/workflow.ts');
      const code = await readFile(file, 'utf8');
      await writeFile(file, code.replace('await prepareGate()', 'await closeGate()'));
    },
  },
];
