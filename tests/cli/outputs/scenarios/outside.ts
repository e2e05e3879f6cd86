import { type Scenario } from '../scenario.js';

const local = ['--profile', 'local'];
const ACCOUNT_SID = `AC${'0123456789abcdef'.repeat(2)}`;
const noKey = { env: { HOME: '/nonexistent' }, code: 3 };

/** What reaches beyond the platform: text messages, and outside APIs. */
export const OUTSIDE: Scenario[] = [
  { name: 'sms provider of the platform', args: ['sms', 'provider', ...local], code: 0 },
  { name: 'sms provider without credentials', args: ['sms', 'provider'], ...noKey },
  {
    name: 'sms send',
    args: ['sms', 'send', '+4915112345678', 'Your order is on its way.', '--dedup-key', 'order-7', ...local],
    code: 0,
  },
  {
    name: 'sms send once more',
    args: ['sms', 'send', '+4915112345678', 'Your order is on its way.', '--dedup-key', 'order-7', ...local],
    code: 0,
  },
  { name: 'sms send to no number', args: ['sms', 'send', '0151', 'Hello', ...local], code: 2 },
  { name: 'sms list', args: ['sms', 'list', ...local], code: 0 },
  { name: 'sms list of no status', args: ['sms', 'list', '--status', 'lost', ...local], code: 2 },
  {
    name: 'sms opt-out',
    args: ['sms', 'opt-out', '+4915112345678', '--reason', 'asked by phone', ...local],
    code: 0,
  },
  { name: 'sms opt-out of no number', args: ['sms', 'opt-out', 'Ada', ...local], code: 2 },
  { name: 'sms send to who opted out', args: ['sms', 'send', '+4915112345678', 'Hi', ...local], code: 5 },
  { name: 'sms opt-outs', args: ['sms', 'opt-outs', ...local], code: 0 },
  { name: 'sms opt-outs without credentials', args: ['sms', 'opt-outs'], ...noKey },
  { name: 'sms opt-in', args: ['sms', 'opt-in', '+4915112345678', ...local], code: 0 },
  { name: 'sms opt-in of who never opted out', args: ['sms', 'opt-in', '+4915112345678', ...local], code: 4 },
  {
    name: 'sms connect twilio',
    args: [
      ...['sms', 'connect', 'twilio', '--account-sid', ACCOUNT_SID, '--sender', '+15005550006'],
      ...['--from-env', 'TWILIO_TOKEN', ...local],
    ],
    env: { TWILIO_TOKEN: 'zzSECRETzz-a-token-of-twilio' },
    code: 0,
  },
  {
    name: 'sms connect without an account',
    args: ['sms', 'connect', 'twilio', '--sender', '+15005550006', ...local],
    code: 2,
  },
  { name: 'sms disconnect', args: ['sms', 'disconnect', ...local], code: 0 },
  { name: 'sms disconnect of nothing', args: ['sms', 'disconnect', ...local], code: 4 },

  { name: 'connections list of none', args: ['connections', 'list', ...local], code: 0 },
  {
    name: 'connections create',
    args: [
      ...['connections', 'create', 'crm', 'https://93.184.215.14/api', '--auth', 'oauth2'],
      ...[
        '--token-url',
        'https://93.184.215.14/token',
        '--client-id',
        'pegasus',
        '--secret',
        'crm/CLIENT_SECRET',
      ],
      ...['--scope', 'read', ...local],
    ],
    code: 0,
  },
  {
    name: 'connections create of a private address',
    args: ['connections', 'create', 'inside', 'https://10.0.0.1/', ...local],
    code: 1,
  },
  {
    name: 'connections create without its secret',
    args: ['connections', 'create', 'crm2', 'https://93.184.215.14/', '--auth', 'bearer', ...local],
    code: 2,
  },
  { name: 'connections list', args: ['connections', 'list', ...local], code: 0 },
  { name: 'connections list without credentials', args: ['connections', 'list'], ...noKey },
  { name: 'connections show', args: ['connections', 'show', 'crm', ...local], code: 0 },
  { name: 'connections show of none', args: ['connections', 'show', 'erp', ...local], code: 4 },
  {
    name: 'connections update',
    args: [
      ...[
        'connections',
        'update',
        'crm',
        '--auth',
        'api-key',
        '--header',
        'X-Api-Key',
        '--secret',
        'CRM_KEY',
      ],
      ...['--timeout', '10', ...local],
    ],
    code: 0,
  },
  { name: 'connections update of nothing', args: ['connections', 'update', 'crm', ...local], code: 2 },
  {
    name: 'connections create of the platform itself',
    args: ['connections', 'create', 'self', '{url}', ...local],
    code: 0,
  },
  { name: 'connections test', args: ['connections', 'test', 'self', '--path', '/health', ...local], code: 0 },
  { name: 'connections test of a missing secret', args: ['connections', 'test', 'crm', ...local], code: 1 },
  { name: 'connections test of none', args: ['connections', 'test', 'erp', ...local], code: 4 },
  { name: 'connections delete', args: ['connections', 'delete', 'crm', '--yes', ...local], code: 0 },
  { name: 'connections delete of none', args: ['connections', 'delete', 'crm', '--yes', ...local], code: 4 },
];
