import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { type Scenario } from '../scenario.js';

const local = ['--profile', 'local'];
const nobody = '00000000-0000-4000-8000-000000000000';
const schedule = ['demo', '{schedule}', ...local];

/** What starts a workflow by itself, and what happens to it when another version comes. */
export const TRIGGERS: Scenario[] = [
  { name: 'triggers list before the first one', args: ['triggers', 'list', 'demo', ...local], code: 0 },
  {
    name: 'triggers create at set times',
    args: ['triggers', 'create', 'demo', '--cron', '30 6 * * MON-FRI', ...local],
    code: 0,
    after: (stage) => stage.keepTrigger('demo', 'SCHEDULE', 'schedule'),
  },
  {
    name: 'triggers create by events',
    args: [
      ...['triggers', 'create', 'demo', '--event', 'invoice.paid', '--disabled'],
      ...['--filter', '{"path": "total", "op": "gt", "value": 100}', ...local],
    ],
    code: 0,
    after: (stage) => stage.keepTrigger('demo', 'EVENT', 'listener'),
  },
  {
    name: 'triggers create of neither kind',
    args: ['triggers', 'create', 'demo', ...local],
    code: 2,
  },
  {
    name: 'triggers create with a cron expression that is none',
    args: ['triggers', 'create', 'demo', '--cron', '61 * * * *', ...local],
    code: 2,
  },
  {
    name: 'triggers create with a filter that is none',
    args: ['triggers', 'create', 'demo', '--event', 'invoice.paid', '--filter-file', 'filter.json', ...local],
    code: 2,
    before: (stage) =>
      writeFile(
        path.join(stage.terminal.root, 'filter.json'),
        '{"any": [{"path": "total", "op": "above", "value": 1}, {"path": "", "op": "eq"}]}',
      ),
  },
  {
    name: 'triggers list of no such workflow',
    args: ['triggers', 'list', 'nothing', ...local],
    code: 4,
  },
  { name: 'triggers next', args: ['triggers', 'next', 'demo', ...local], code: 0 },
  { name: 'triggers next of no such one', args: ['triggers', 'next', 'demo', nobody, ...local], code: 4 },
  {
    name: 'triggers update',
    args: ['triggers', 'update', ...schedule, '--cron', '0 7 * * *'],
    code: 0,
  },
  { name: 'triggers update of nothing', args: ['triggers', 'update', ...schedule], code: 2 },
  {
    name: 'triggers pause',
    args: ['triggers', 'pause', ...schedule, '--note', 'stocktaking until Monday'],
    code: 0,
  },
  {
    name: 'triggers pause of one by events',
    args: ['triggers', 'pause', 'demo', '{listener}', ...local],
    code: 2,
  },
  { name: 'triggers list', args: ['triggers', 'list', 'demo', ...local], code: 0 },
  { name: 'triggers resume', args: ['triggers', 'resume', ...schedule], code: 0 },
  { name: 'triggers resume of no such one', args: ['triggers', 'resume', 'demo', nobody, ...local], code: 4 },
  { name: 'triggers run', args: ['triggers', 'run', ...schedule], code: 0 },
  { name: 'triggers run of no such one', args: ['triggers', 'run', 'demo', nobody, ...local], code: 4 },
  {
    name: 'triggers backfill',
    args: ['triggers', 'backfill', ...schedule, '--from', '2026-01-01', '--to', '2026-01-01T06:00Z'],
    code: 0,
  },
  {
    name: 'triggers backfill that ends before it begins',
    args: ['triggers', 'backfill', ...schedule, '--from', '2026-01-02', '--to', '2026-01-01'],
    code: 2,
  },
  {
    name: 'triggers take-over of none',
    args: ['triggers', 'take-over', 'gate', ...local],
    code: 0,
  },
  {
    name: 'triggers take-over from no such version',
    args: ['triggers', 'take-over', 'demo', '--from', '0.0.9', ...local],
    code: 4,
  },
  {
    name: 'push that takes triggers over',
    args: ['push', '--dev', '--take-over-triggers', ...local],
    cwd: 'demo',
    code: 0,
  },
  {
    name: 'workflows retire',
    args: ['workflows', 'retire', 'demo@1.0.0', '--force', '--yes', ...local],
    code: 0,
  },
  {
    name: 'workflows retire without a version',
    args: ['workflows', 'retire', 'demo', ...local],
    code: 2,
  },
  {
    name: 'triggers delete',
    args: ['triggers', 'delete', 'demo', '{listener}', '--yes', ...local],
    code: 0,
  },
  { name: 'triggers delete again', args: ['triggers', 'delete', 'demo', '{listener}', ...local], code: 4 },
];
