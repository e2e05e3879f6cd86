import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { expect } from 'vitest';
import { type Scenario } from '../scenario.js';
import { type Stage } from '../stage.js';

const local = ['--profile', 'local'];
const operator = ['--profile', 'operator'];
const nobody = '00000000-0000-4000-8000-000000000000';
const stranger = { env: { HOME: '/nonexistent' }, code: 3 };

/** The key is in the file, for its owner alone, and nothing has printed it. */
async function keyIsOnlyIn(stage: Stage, name: string): Promise<void> {
  const file = path.join(stage.terminal.root, name);
  const key = (await readFile(file, 'utf8')).trim();
  expect(key).toMatch(/^vnd_[\w-]{30,}$/);
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  expect(stage.printed.join('\n')).not.toContain(key.slice(10, -4));
}

/** Keeps the id of the key that a command has just told of. */
function keepKeyId(stage: Stage, as: string): void {
  const printed = stage.printed.at(-2)!;
  const [, id] = /"id": "([^"]+)"/.exec(printed) ?? /^id +(\S+)/m.exec(printed) ?? [];
  stage.kept.set(as, id!);
}

const MEMBERS: Scenario[] = [
  {
    name: 'members add',
    args: ['members', 'add', '--service-account', 'ci', '--roles', 'workflow_developer', ...local],
    code: 0,
  },
  {
    name: 'members add of a name that is taken',
    args: ['members', 'add', '--service-account', 'ci', '--roles', 'workflow_developer', ...local],
    code: 5,
  },
  {
    name: 'members add with a role that is none',
    args: ['members', 'add', '--email', 'ada@example.com', '--roles', 'workflow_developr', ...local],
    code: 2,
  },
  { name: 'members list', args: ['members', 'list', ...local], code: 0 },
  { name: 'members list without credentials', args: ['members', 'list'], ...stranger },
  {
    name: 'members set-roles',
    args: ['members', 'set-roles', 'ci', 'workflow_developer,integration_publisher', ...local],
    code: 0,
  },
  {
    name: 'members set-roles of no such member',
    args: ['members', 'set-roles', 'cii', 'workflow_developer', ...local],
    code: 4,
  },
  { name: 'members disable', args: ['members', 'disable', 'ci', ...local], code: 0 },
  { name: 'members disable of no such member', args: ['members', 'disable', nobody, ...local], code: 4 },
  { name: 'members enable', args: ['members', 'enable', 'ci', ...local], code: 0 },
  { name: 'members enable of no such member', args: ['members', 'enable', nobody, ...local], code: 4 },
];

const create = ['keys', 'create', '--member', 'ci', '--roles', 'workflow_developer'];
const KEYS: Scenario[] = [
  {
    name: 'keys create into a file',
    args: [...create, '--name', 'pipeline', '--expires', '2040-01-31', '--out', 'ci.key', ...local],
    code: 0,
    after: async (stage) => {
      keepKeyId(stage, 'ciKey');
      await keyIsOnlyIn(stage, 'ci.key');
    },
  },
  {
    name: 'keys create into a file that is there',
    args: [...create, '--out', 'ci.key', ...local],
    code: 5,
    after: (stage) => keyIsOnlyIn(stage, 'ci.key'),
  },
  { name: 'keys create without a place for the key', args: [...create, ...local], code: 2 },
  {
    name: 'keys create beyond what the member may',
    args: ['keys', 'create', '--member', 'ci', '--roles', 'tenant_admin', '--out', 'more.key', ...local],
    code: 5,
  },
  { name: 'keys create shown', args: [...create, '--show-key', ...local], code: 0 },
  { name: 'keys create into a profile', args: [...create, '--save-profile', 'ci', ...local], code: 0 },
  {
    name: 'keys create into a profile that is there',
    args: [...create, '--save-profile', 'operator', ...local],
    code: 5,
  },
  {
    name: 'keys list',
    args: ['keys', 'list', '--member', 'ci', '--all', ...local],
    code: 0,
  },
  { name: 'whoami', args: ['whoami', '--profile', 'ci'], code: 0 },
  { name: 'whoami without credentials', args: ['whoami'], ...stranger },
  {
    name: 'keys rotate',
    args: ['keys', 'rotate', '{ciKey}', '--overlap', '15m', '--out', 'next.key', ...local],
    code: 0,
    after: (stage) => keyIsOnlyIn(stage, 'next.key'),
  },
  {
    name: 'keys rotate of no such key',
    args: ['keys', 'rotate', nobody, '--out', 'none.key', ...local],
    code: 4,
    after: async (stage) => {
      await expect(stat(path.join(stage.terminal.root, 'none.key'))).rejects.toThrow();
    },
  },
  { name: 'keys revoke', args: ['keys', 'revoke', '{ciKey}', '--yes', ...local], code: 0 },
  { name: 'keys revoke of no such key', args: ['keys', 'revoke', nobody, '--yes', ...local], code: 4 },
  { name: 'keys list with a key that may not', args: ['keys', 'list', '--profile', 'ci'], code: 3 },
  { name: 'members remove', args: ['members', 'remove', 'ci', '--yes', ...local], code: 0 },
  { name: 'members remove of no such member', args: ['members', 'remove', 'ci', '--yes', ...local], code: 4 },
];

const TENANTS: Scenario[] = [
  {
    name: 'tenants create',
    args: [
      'tenants',
      'create',
      'acme',
      '--name',
      'Acme',
      '--max-open',
      '5',
      '--save-profile',
      'acme',
      ...operator,
    ],
    code: 0,
  },
  {
    name: 'tenants create by another tenant',
    args: ['tenants', 'create', 'mine', '--out', 'mine.key', ...local],
    code: 3,
  },
  { name: 'tenants list', args: ['tenants', 'list', ...operator], code: 0 },
  { name: 'tenants list by another tenant', args: ['tenants', 'list', ...local], code: 3 },
  { name: 'tenants show', args: ['tenants', 'show', ...local], code: 0 },
  { name: 'tenants show of no such tenant', args: ['tenants', 'show', 'acm', ...operator], code: 4 },
  {
    name: 'tenants update',
    args: ['tenants', 'update', 'acme', '--max-storage', '2G', '--max-open', 'none', ...operator],
    code: 0,
  },
  { name: 'tenants update of nothing', args: ['tenants', 'update', 'acme', ...operator], code: 2 },
  {
    name: 'tenants update with a size that is none',
    args: ['tenants', 'update', 'acme', '--max-storage', '2 apples', ...operator],
    code: 2,
  },
  { name: 'quotas', args: ['quotas', '--profile', 'acme'], code: 0 },
  { name: 'quotas without credentials', args: ['quotas'], ...stranger },
  { name: 'audit', args: ['audit', '--object', 'principals/ci', ...local], code: 0 },
  {
    name: 'audit of what was refused',
    args: ['audit', '--outcome', 'refused', '--until', '2020-01-01', ...local],
    code: 0,
  },
  { name: 'audit with an outcome that is none', args: ['audit', '--outcome', 'maybe', ...local], code: 2 },
];

/** Who may do what: members, their keys, tenants, and what the audit log has of it. */
export const ACCESS: Scenario[] = [...MEMBERS, ...KEYS, ...TENANTS];
