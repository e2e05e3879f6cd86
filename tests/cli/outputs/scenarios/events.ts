import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { type Scenario } from '../scenario.js';

const local = ['--profile', 'local'];
const nobody = '00000000-0000-4000-8000-000000000000';
const schema = '{"type": "object", "required": ["orderId"], "properties": {"orderId": {"type": "integer"}}}';

/** Kinds of events, events, and what could not start. */
export const EVENTS: Scenario[] = [
  { name: 'event-types list before the first one', args: ['event-types', 'list', ...local], code: 0 },
  {
    name: 'event-types create',
    args: [
      ...['event-types', 'create', 'order.shipped', '--description', 'An order is on its way.'],
      ...[
        '--schema',
        '@shipped.json',
        '--condition',
        '{"path": "orderId", "op": "gt", "value": 0}',
        ...local,
      ],
    ],
    code: 0,
    before: (stage) => writeFile(path.join(stage.terminal.root, 'shipped.json'), schema),
  },
  {
    name: 'event-types create of a built-in name',
    args: ['event-types', 'create', 'invoice.paid', ...local],
    code: 5,
  },
  {
    name: 'event-types create with a condition that is none',
    args: ['event-types', 'create', 'order.lost', '--condition', '{"all": []}', ...local],
    code: 2,
  },
  { name: 'event-types list', args: ['event-types', 'list', ...local], code: 0 },
  {
    name: 'event-types list without credentials',
    args: ['event-types', 'list'],
    env: { HOME: '/nonexistent' },
    code: 3,
  },
  { name: 'event-types show', args: ['event-types', 'show', 'order.shipped', ...local], code: 0 },
  {
    name: 'event-types show of no such type',
    args: ['event-types', 'show', 'order.lost', ...local],
    code: 4,
  },
  {
    name: 'event-types update',
    args: ['event-types', 'update', 'order.shipped', '--condition', 'null', ...local],
    code: 0,
  },
  {
    name: 'event-types update of nothing',
    args: ['event-types', 'update', 'order.shipped', ...local],
    code: 2,
  },
  {
    name: 'events emit',
    args: ['events', 'emit', 'order.shipped', '--payload', '{"orderId": 7}', ...local],
    code: 0,
    before: async (stage) => {
      await stage.terminal.runHere(['triggers', 'create', 'gate', '--event', 'order.shipped', ...local]);
    },
    after: (stage) => stage.keepDispatchedEvent('order.shipped', 'event'),
  },
  {
    name: 'events emit with a payload that does not fit',
    args: ['events', 'emit', 'order.shipped', '--payload', '-', ...local],
    input: '{"orderId": "seven"}',
    code: 2,
  },
  {
    name: 'events emit of no such type',
    args: ['events', 'emit', 'order.lost', ...local],
    code: 4,
  },
  {
    name: 'events emit with a payload that is a list',
    args: ['events', 'emit', 'order.shipped', '--payload', '[7]', ...local],
    code: 2,
  },
  {
    name: 'events list',
    args: ['events', 'list', '--type', 'order.shipped', '--limit', '1', ...local],
    code: 0,
  },
  { name: 'events list of none', args: ['events', 'list', '--type', 'customer.created', ...local], code: 0 },
  { name: 'events list with a wrong limit', args: ['events', 'list', '--limit', '0', ...local], code: 2 },
  { name: 'events show', args: ['events', 'show', '{event}', ...local], code: 0 },
  { name: 'events show of no such event', args: ['events', 'show', nobody, ...local], code: 4 },
  { name: 'events dead-letters', args: ['events', 'dead-letters', ...local], code: 0 },
  {
    name: 'events dead-letters after an unknown one',
    args: ['events', 'dead-letters', '--before', nobody, ...local],
    code: 2,
  },
  { name: 'events replay of all', args: ['events', 'replay', '--all', ...local], code: 0 },
  { name: 'events replay of no such event', args: ['events', 'replay', nobody, ...local], code: 4 },
  { name: 'events replay of neither', args: ['events', 'replay', ...local], code: 2 },
  { name: 'events discard of all', args: ['events', 'discard', '--all', '--yes', ...local], code: 0 },
  { name: 'events discard of no such event', args: ['events', 'discard', nobody, ...local], code: 4 },
  {
    name: 'event-types delete of one that is listened to',
    args: ['event-types', 'delete', 'order.shipped', ...local],
    code: 5,
  },
  {
    name: 'event-types delete',
    args: ['event-types', 'delete', 'order.shipped', '--force', '--yes', ...local],
    code: 0,
  },
];
