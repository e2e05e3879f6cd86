import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { filesOf } from '../../../../packages/cli/src/integrations/files.js';
import { brokenConfig, order, shopConfig, type ShopConfig } from '../../../integrations/shop.js';
import { type Scenario } from '../scenario.js';
import { type Stage } from '../stage.js';

const local = ['--profile', 'local'];
const operator = ['--profile', 'operator'];
const config = (...words: string[]): string[] => ['integration-config', ...words];

async function write(stage: Stage, files: Record<string, unknown>): Promise<void> {
  const folder = path.join(stage.terminal.root, 'shop');
  await mkdir(folder, { recursive: true });
  for (const [name, value] of Object.entries(files)) {
    await writeFile(path.join(folder, name), typeof value === 'string' ? value : JSON.stringify(value));
  }
}
const writeConfig = (stage: Stage, given: ShopConfig): Promise<void> =>
  write(stage, Object.fromEntries(filesOf(given as Parameters<typeof filesOf>[0])));

/** Integrations as data, from the first file to the last version. */
export const INTEGRATIONS: Scenario[] = [
  { name: 'integration-config list of none', args: config('list', ...local), code: 0 },
  { name: 'integration-config list without credentials', args: config('list', '--profile', 'none'), code: 3 },
  { name: 'integration-config pull of none', args: config('pull', 'shop', ...local), code: 4 },
  { name: 'integration-config versions of none', args: config('versions', 'shop', ...local), code: 4 },
  { name: 'integration-config validate without files', args: config('validate', 'shop', ...local), code: 2 },
  {
    name: 'integration-config validate of no JSON',
    args: config('validate', 'shop', '--offline'),
    code: 2,
    cwd: 'shop',
    before: (stage) => write(stage, { 'mapping.json': '{"a": }' }),
  },
  {
    name: 'integration-config validate of what the gate refuses',
    args: config('validate', 'shop', ...local),
    code: 1,
    cwd: 'shop',
    before: (stage) =>
      writeConfig(stage, { ...brokenConfig(), mapping: { ...shopConfig().mapping, sku: 'Sku' } }),
  },
  {
    name: 'integration-config publish of what the gate refuses',
    args: config('publish', 'shop', ...local),
    code: 1,
    cwd: 'shop',
    before: (stage) => writeConfig(stage, brokenConfig()),
  },
  {
    name: 'integration-config validate',
    args: config('validate', 'shop', ...local),
    code: 0,
    cwd: 'shop',
    before: (stage) => writeConfig(stage, shopConfig()),
  },
  {
    name: 'integration-config validate offline',
    args: config('validate', 'shop', '--offline'),
    code: 0,
    cwd: 'shop',
  },
  {
    name: 'integration-config publish',
    args: config('publish', 'shop', '--if-version', '0', ...local),
    code: 0,
    cwd: 'shop',
  },
  {
    name: 'integration-config publish over another version',
    args: config('publish', 'shop', '--if-version', '7', ...local),
    code: 5,
    cwd: 'shop',
  },
  {
    name: 'integration-config diff of no difference',
    args: config('diff', 'shop', '1', ...local),
    code: 0,
    cwd: 'shop',
  },
  {
    name: 'integration-config diff',
    args: config('diff', 'shop', '1', ...local),
    code: 1,
    cwd: 'shop',
    before: (stage) => writeConfig(stage, shopConfig(2_000)),
  },
  {
    name: 'integration-config pull over what was changed',
    args: config('pull', 'shop', ...local),
    code: 5,
    cwd: 'shop',
  },
  { name: 'integration-config pull', args: config('pull', 'shop', '-C', 'pulled', ...local), code: 0 },
  {
    name: 'integration-config pull to standard output',
    args: config('pull', 'shop', '--stdout', ...local),
    code: 0,
  },
  {
    name: 'integration-config rollback',
    args: config('rollback', 'shop', '1', ...local),
    code: 0,
    before: async (stage) => {
      await stage.terminal.runHere(config('publish', 'shop', '-C', 'shop', ...local));
    },
  },
  { name: 'integration-config rollback to none', args: config('rollback', 'shop', '9', ...local), code: 4 },
  { name: 'integration-config versions', args: config('versions', 'shop', ...local), code: 0 },
  {
    name: 'integration-config explain',
    args: config('explain', 'shop', 'order.json', '--prior', 'prior.json', '--action', 'save'),
    code: 0,
    cwd: 'shop',
    before: (stage) =>
      write(stage, { 'order.json': order({ Total: '5000' }), 'prior.json': order({ State: 'S' }) }),
  },
  {
    name: 'integration-config explain by the platform',
    args: config('explain', 'shop', 'shop/order.json', '--remote', ...local),
    code: 0,
  },
  {
    name: 'integration-config explain of no file',
    args: config('explain', 'shop', 'none.json'),
    code: 2,
    cwd: 'shop',
  },
  {
    name: 'integration-config corpus add',
    args: config(
      'corpus',
      'add',
      'shop',
      '--name',
      'seen',
      '--from-file',
      'seen.json',
      '--at',
      'payload.order',
    ),
    code: 0,
    cwd: 'shop',
    before: (stage) =>
      write(stage, { 'seen.json': { payload: { order: { ...order(), email: 'ada@lovelace.example' } } } }),
  },
  {
    name: 'integration-config corpus add twice',
    args: config('corpus', 'add', 'shop', '--name', 'seen', '--from-file', 'seen.json'),
    code: 5,
    cwd: 'shop',
  },
  {
    name: 'integration-config corpus add from nowhere',
    args: config('corpus', 'add', 'shop', '--name', 'nowhere'),
    code: 2,
    cwd: 'shop',
  },
  {
    name: 'integration-config corpus add from a run',
    args: config(
      'corpus',
      'add',
      'shop',
      '--name',
      'ran',
      '--from-execution',
      '{completed}',
      '--workflow',
      'demo',
      ...local,
    ),
    code: 0,
    cwd: 'shop',
  },
  {
    name: 'integration-config corpus add from a run of no workflow',
    args: config('corpus', 'add', 'shop', '--name', 'again', '--from-execution', '{completed}', ...local),
    code: 2,
    cwd: 'shop',
  },
  { name: 'integration-config watch without files', args: config('watch', 'shop'), code: 2 },
  { name: 'integration-config fork of none', args: config('fork', 'parcels', ...local), code: 4 },
  {
    name: 'integration-config fork',
    args: config('fork', 'parcels', ...local),
    code: 0,
    before: async (stage) => {
      await writeConfig(stage, shopConfig());
      await stage.terminal.runHere(config('publish', 'parcels', '-C', 'shop', ...operator));
    },
  },
  { name: 'integration-config list', args: config('list', ...local), code: 0 },
  {
    name: 'integration-config drop of one that others are laid over',
    args: config('drop', 'parcels', '--yes', ...operator),
    code: 5,
  },
  { name: 'integration-config drop', args: config('drop', 'parcels', '--yes', ...local), code: 0 },
];
