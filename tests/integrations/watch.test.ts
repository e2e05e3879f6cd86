import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, it } from 'vitest';
import { filesOf } from '../../packages/cli/src/integrations/files.js';
import { Terminal } from '../cli/cli.js';
import { eventually } from '../support/wait.js';
import { brokenConfig, shopConfig, type ShopConfig } from './shop.js';

const files = (config: ShopConfig) => filesOf(config as Parameters<typeof filesOf>[0]);

it('integration-config watch runs the gate at each save, and Ctrl-C ends it', async () => {
  await using terminal = await Terminal.open();
  const folder = path.join(terminal.root, 'shop');
  await mkdir(folder);
  const save = (name: string, text: string) => writeFile(path.join(folder, name), text);
  for (const [name, text] of files(shopConfig())) await save(name, text);
  const child = terminal.spawn(['integration-config', 'watch', 'shop', '-C', 'shop']);
  let printed = '';
  child.stdout!.on('data', (part: Buffer) => (printed += part.toString()));
  child.stderr!.on('data', (part: Buffer) => (printed += part.toString()));
  const ended = new Promise((resolve) => child.once('close', resolve));
  const saw = (text: string) => eventually(() => expect(printed).toContain(text));
  try {
    await saw('the gate passes it: 3 of 3 cases pass');
    await save('corpus.json', files(brokenConfig()).get('corpus.json')!);
    await saw('would pass with /corpus/3/input/order/Total "1001" in place of "10"');
    await save('corpus.json', '[{"name": }]');
    await saw('corpus.json:1:11 is not JSON');
    await save('corpus.json', files(shopConfig()).get('corpus.json')!);
    await eventually(() => expect(printed.match(/the gate passes it/g)).toHaveLength(2));
  } finally {
    child.kill('SIGINT');
  }
  expect(await ended).toBe(130);
});

it('files of a configuration keep one order, whatever order the platform answers in', async () => {
  const { mapping, rules, corpus } = shopConfig();
  const turned = rules.map((rule) => Object.fromEntries(Object.entries(rule).reverse()));
  expect(files({ mapping, rules: turned, corpus })).toEqual(files({ mapping, rules, corpus }));
  await using terminal = await Terminal.open();
  const file = path.join(terminal.root, 'rules.json');
  await writeFile(file, files({ mapping, rules, corpus }).get('rules.json')!);
  expect((await readFile(file, 'utf8')).split('\n').slice(0, 4)).toEqual([
    '[',
    '  {',
    '    "id": "big",',
    '    "description": "Large orders go to a person.",',
  ]);
});
