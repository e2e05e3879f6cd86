import { type Scenario } from '../scenario.js';

const local = ['--profile', 'local'];

/** What is published, own and GLOBAL. */
export const WORKFLOWS: Scenario[] = [
  { name: 'workflows list', args: ['workflows', 'list', ...local], code: 0 },
  {
    name: 'workflows list without credentials',
    args: ['workflows', 'list'],
    env: { HOME: '/nonexistent' },
    code: 3,
  },
  { name: 'workflows show', args: ['workflows', 'show', 'demo@1.0.0', ...local], code: 0 },
  { name: 'workflows show of no such version', args: ['workflows', 'show', 'demo@9.9.9', ...local], code: 4 },
  {
    name: 'workflows show of a quarantined version',
    args: ['workflows', 'show', 'demo@1.0.0', ...local],
    code: 0,
    before: (stage) => stage.quarantine('demo', '1.0.0'),
  },
  { name: 'workflows list with a quarantined version', args: ['workflows', 'list', ...local], code: 0 },
  { name: 'run of a quarantined version', args: ['run', 'demo@1.0.0', ...local], code: 1 },
  { name: 'workflows release', args: ['workflows', 'release', 'demo@1.0.0', ...local], code: 0 },
  {
    name: 'workflows release of one that is not quarantined',
    args: ['workflows', 'release', 'demo@1.0.0', ...local],
    code: 0,
  },
  {
    name: 'workflows release of no such version',
    args: ['workflows', 'release', 'demo@9.9.9', ...local],
    code: 4,
  },
  {
    name: 'workflows fork',
    args: ['workflows', 'fork', 'shared', ...local],
    code: 0,
    before: async (stage) => {
      await stage.terminal.runHere(['init', 'shared']);
      await stage.terminal.runHere(['push', '--profile', 'operator'], { cwd: 'shared' });
    },
  },
  { name: 'workflows fork of an own one', args: ['workflows', 'fork', 'demo', ...local], code: 4 },
];
