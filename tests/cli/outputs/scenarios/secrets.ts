import { appendFile } from 'node:fs/promises';
import path from 'node:path';
import { type Scenario } from '../scenario.js';

const local = ['--profile', 'local'];
const operator = ['--profile', 'operator'];
/** A workflow's manifest, when it needs something. */
const NEEDS = `
required_secrets = [{ key = "API_TOKEN", group = "crm", description = "of the CRM" }]
required_configs = [{ key = "REGION" }]
`;

/** Secrets and configuration values; what needs them; master keys. */
export const SECRETS_AND_CONFIGS: Scenario[] = [
  { name: 'secrets list of none', args: ['secrets', 'list', ...local], code: 0 },
  {
    name: 'secrets check before anything is set',
    args: ['secrets', 'check', 'needy', ...local],
    code: 1,
    before: async (stage) => {
      await stage.terminal.runHere(['init', 'needy']);
      await appendFile(path.join(stage.terminal.root, 'needy', 'pegasus-workflows.toml'), NEEDS);
      await stage.terminal.runHere(['push', '--profile', 'local'], { cwd: 'needy' });
    },
  },
  {
    name: 'run of a workflow whose secrets are not set',
    args: ['run', 'needy', ...local],
    code: 2,
  },
  {
    name: 'secrets set',
    args: ['secrets', 'set', 'API_TOKEN', '--group', 'crm', '--description', 'of the CRM', ...local],
    input: '{secret.stored}\n',
    code: 0,
  },
  {
    name: 'secrets set again',
    args: ['secrets', 'set', 'API_TOKEN', '--group', 'crm', '--from-env', 'TOKEN', ...local],
    env: { TOKEN: 'zzSECRETzz-another-value-4712' },
    code: 5,
  },
  { name: 'secrets set to nothing', args: ['secrets', 'set', 'EMPTY', ...local], input: '\n', code: 2 },
  { name: 'secrets set under no such name', args: ['secrets', 'set', '1-2', ...local], input: 'x', code: 2 },
  {
    name: 'secrets set from a variable there is not',
    args: ['secrets', 'set', 'API_TOKEN', '--from-env', 'NOTHING', ...local],
    code: 2,
  },
  {
    name: 'secrets set from a file there is not',
    args: ['secrets', 'set', 'API_TOKEN', '--from-file', 'none.txt', ...local],
    code: 2,
  },
  { name: 'secrets list', args: ['secrets', 'list', ...local], code: 0 },
  {
    name: 'secrets list without credentials',
    args: ['secrets', 'list'],
    env: { HOME: '/nonexistent' },
    code: 3,
  },
  { name: 'configs get of no such key', args: ['configs', 'get', 'REGION', ...local], code: 4 },
  { name: 'configs set', args: ['configs', 'set', 'REGION', ...local], input: 'eu-central-1\n', code: 0 },
  {
    name: 'configs set of a key too long',
    args: ['configs', 'set', 'K'.repeat(129), ...local],
    input: 'x',
    code: 2,
  },
  { name: 'configs get', args: ['configs', 'get', 'REGION', ...local], code: 0 },
  { name: 'configs list', args: ['configs', 'list', ...local], code: 0 },
  {
    name: 'configs list without credentials',
    args: ['configs', 'list'],
    env: { HOME: '/nonexistent' },
    code: 3,
  },
  { name: 'secrets check', args: ['secrets', 'check', 'needy@1.0.0', ...local], code: 0 },
  { name: 'secrets check of no such workflow', args: ['secrets', 'check', 'nothing', ...local], code: 4 },
  { name: 'configs delete', args: ['configs', 'delete', 'REGION', ...local], code: 0 },
  { name: 'configs delete of no such key', args: ['configs', 'delete', 'REGION', ...local], code: 4 },
  { name: 'secrets delete', args: ['secrets', 'delete', 'API_TOKEN', '-g', 'crm', ...local], code: 0 },
  { name: 'secrets delete of no such key', args: ['secrets', 'delete', 'API_TOKEN', ...local], code: 4 },
  { name: 'secrets rotate-payload-key', args: ['secrets', 'rotate-payload-key', ...local], code: 0 },
  { name: 'secrets payload-keys', args: ['secrets', 'payload-keys', ...local], code: 0 },
  {
    name: 'secrets rotate-payload-key without credentials',
    args: ['secrets', 'rotate-payload-key'],
    env: { HOME: '/nonexistent' },
    code: 3,
  },
  {
    name: 'secrets payload-keys without credentials',
    args: ['secrets', 'payload-keys'],
    env: { HOME: '/nonexistent' },
    code: 3,
  },
  { name: 'secrets master-keys', args: ['secrets', 'master-keys', ...operator], code: 0 },
  { name: 'secrets master-keys of a tenant', args: ['secrets', 'master-keys', ...local], code: 3 },
  {
    name: 'secrets rotate-master-key',
    args: ['secrets', 'rotate-master-key', '--data-dir', '{data}'],
    code: 0,
    before: async (stage) => void stage.kept.set('data', stage.platform.dataDir),
  },
  {
    name: 'secrets rotate-master-key of no platform',
    args: ['secrets', 'rotate-master-key', '--data-dir', '{root}'],
    code: 4,
  },
];
