import { fileURLToPath } from 'node:url';

const AGENT = fileURLToPath(new URL('./acp-worker.mjs', import.meta.url));
const MODULES = fileURLToPath(new URL('../../../node_modules', import.meta.url));

/** `acp-worker.mjs` as a model of an agent host's file. */
export function acpModel(name: string, steps: readonly object[]): string {
  const args = [AGENT, JSON.stringify(steps)];
  const folders = [MODULES, fileURLToPath(new URL('.', import.meta.url))];
  return [
    '[[models]]',
    'kind = "acp"',
    `name = ${JSON.stringify(name)}`,
    `command = ${JSON.stringify(process.execPath)}`,
    `args = ${JSON.stringify(args)}`,
    `folders = ${JSON.stringify(folders)}`,
    'input-price = 0',
    'output-price = 0',
    '',
  ].join('\n');
}
