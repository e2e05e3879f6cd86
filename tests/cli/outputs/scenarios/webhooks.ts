import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { type Scenario } from '../scenario.js';
import { type Stage } from '../stage.js';

const local = ['--profile', 'local'];
const nobody = '00000000-0000-4000-8000-000000000000';

/** A secret is in its file, which is its owner's alone, and in no output. */
async function checkSecretFile(stage: Stage, name: string, shape: RegExp): Promise<void> {
  const file = path.join(stage.terminal.root, name);
  const secret = (await readFile(file, 'utf8')).trim();
  if (!shape.test(secret)) throw new Error(`${name} holds no secret`);
  if (((await stat(file)).mode & 0o777) !== 0o600) throw new Error(`${name} is not private`);
  if (stage.printed.some((text) => text.includes(secret))) throw new Error(`what is in ${name} was printed`);
}

/** Where partners call, and who is called. */
export const WEBHOOKS: Scenario[] = [
  { name: 'ingress list before the first one', args: ['ingress', 'list', ...local], code: 0 },
  {
    name: 'ingress create',
    args: ['ingress', 'create', 'github', '--preset', 'github', '--out', 'github.secret', ...local],
    code: 0,
    after: (stage) => checkSecretFile(stage, 'github.secret', /^\S{20,}$/),
  },
  {
    name: 'ingress create with the secret of the partner',
    args: ['ingress', 'create', 'shop', '--preset', 'shopify', '--secret-from-env', 'SHOP_SECRET', ...local],
    env: { SHOP_SECRET: '{secret.odd}' },
    code: 0,
  },
  {
    name: 'ingress create with no place for the secret',
    args: ['ingress', 'create', 'crm', '--auth', 'bearer', ...local],
    code: 2,
  },
  {
    name: 'ingress create onto a file that is there',
    args: ['ingress', 'create', 'crm', '--auth', 'bearer', '--out', 'github.secret', ...local],
    code: 5,
  },
  {
    name: 'ingress create again',
    args: ['ingress', 'create', 'github', '--preset', 'github', '--out', 'again.secret', ...local],
    code: 5,
    after: async (stage) => {
      const left = await stat(path.join(stage.terminal.root, 'again.secret')).catch(() => undefined);
      if (left) throw new Error('an empty file was left behind');
    },
  },
  { name: 'ingress list', args: ['ingress', 'list', ...local], code: 0 },
  {
    name: 'ingress list without credentials',
    args: ['ingress', 'list'],
    env: { HOME: '/nonexistent' },
    code: 3,
  },
  { name: 'ingress show', args: ['ingress', 'show', 'github', ...local], code: 0 },
  { name: 'ingress show of no such integration', args: ['ingress', 'show', 'crm', ...local], code: 4 },
  {
    name: 'ingress update',
    args: [
      ...['ingress', 'update', 'github', '--keep-header', 'X-GitHub-Event', '--keep-header', 'X-Trace'],
      ...['--acknowledge', '{"body": {"id": "{{eventId}}"}}', ...local],
    ],
    code: 0,
  },
  {
    name: 'ingress update with an answer that is none',
    args: ['ingress', 'update', 'github', '--acknowledge', '{"status": 500}', ...local],
    code: 2,
  },
  {
    name: 'ingress rotate',
    args: ['ingress', 'rotate', 'github', '--overlap', '2h', '--out', 'github-2.secret', ...local],
    code: 0,
    after: (stage) => checkSecretFile(stage, 'github-2.secret', /^\S{20,}$/),
  },
  {
    name: 'ingress rotate for no length of time',
    args: ['ingress', 'rotate', 'github', '--overlap', 'soon', '--show-secret', ...local],
    code: 2,
  },
  { name: 'ingress delete', args: ['ingress', 'delete', 'shop', '--yes', ...local], code: 0 },
  { name: 'ingress delete again', args: ['ingress', 'delete', 'shop', '--yes', ...local], code: 4 },
  { name: 'webhooks list before the first one', args: ['webhooks', 'list', ...local], code: 0 },
  {
    name: 'webhooks create',
    args: [
      ...[
        'webhooks',
        'create',
        '{receiver}/told',
        '--on',
        'completed,failed,agent.question',
        '--workflow',
        'faulty',
      ],
      ...['--out', 'webhook.secret', ...local],
    ],
    code: 0,
    after: async (stage) => {
      await checkSecretFile(stage, 'webhook.secret', /^whsec_\S{20,}$/);
      await stage.keepNewestWebhook('webhook');
    },
  },
  {
    name: 'webhooks create on what is no end',
    args: ['webhooks', 'create', '{receiver}/told', '--on', 'RUNNING', '--show-secret', ...local],
    code: 2,
  },
  {
    name: 'webhooks create to an address inside',
    args: ['webhooks', 'create', 'https://10.0.0.1/', '--on', 'all', '--out', 'inside.secret', ...local],
    code: 1,
  },
  { name: 'webhooks list', args: ['webhooks', 'list', ...local], code: 0 },
  {
    name: 'webhooks list without credentials',
    args: ['webhooks', 'list'],
    env: { HOME: '/nonexistent' },
    code: 3,
  },
  { name: 'webhooks show', args: ['webhooks', 'show', '{webhook}', ...local], code: 0 },
  { name: 'webhooks show of no such one', args: ['webhooks', 'show', nobody, ...local], code: 4 },
  { name: 'webhooks test', args: ['webhooks', 'test', '{webhook}', ...local], code: 0 },
  {
    name: 'webhooks deliveries',
    args: ['webhooks', 'deliveries', '{webhook}', ...local],
    code: 0,
    before: async (stage) => {
      await stage.terminal.runHere(['run', 'faulty', '--wait', ...local]);
      await stage.keepDelivery('webhook', 'delivery');
    },
  },
  {
    name: 'webhooks deliveries of a status there is not',
    args: ['webhooks', 'deliveries', '{webhook}', '--status', 'LOST', ...local],
    code: 2,
  },
  {
    name: 'webhooks redeliver',
    args: ['webhooks', 'redeliver', '{webhook}', '{delivery}', ...local],
    code: 0,
  },
  {
    name: 'webhooks redeliver of no such delivery',
    args: ['webhooks', 'redeliver', '{webhook}', nobody, ...local],
    code: 4,
  },
  {
    name: 'webhooks update',
    args: ['webhooks', 'update', '{webhook}', '--url', '{receiver}/broken', '--on', 'all', ...local],
    code: 0,
  },
  { name: 'webhooks update of nothing', args: ['webhooks', 'update', '{webhook}', ...local], code: 2 },
  {
    name: 'webhooks test of a receiver that fails',
    args: ['webhooks', 'test', '{webhook}', ...local],
    code: 1,
  },
  {
    name: 'webhooks rotate',
    args: ['webhooks', 'rotate', '{webhook}', '--overlap', '0', '--out', 'webhook-2.secret', ...local],
    code: 0,
    after: (stage) => checkSecretFile(stage, 'webhook-2.secret', /^whsec_\S{20,}$/),
  },
  {
    name: 'webhooks rotate with no place for the secret',
    args: ['webhooks', 'rotate', '{webhook}', ...local],
    code: 2,
  },
  { name: 'webhooks delete', args: ['webhooks', 'delete', '{webhook}', '--yes', ...local], code: 0 },
  { name: 'webhooks delete again', args: ['webhooks', 'delete', '{webhook}', '--yes', ...local], code: 4 },
];
