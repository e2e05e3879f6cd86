import { fileURLToPath } from 'node:url';

export const ACP_WORKER = fileURLToPath(new URL('./acp-worker.mjs', import.meta.url));
/** What it needs besides the system's own folders. */
export const ACP_FOLDERS = ['../../../node_modules', '.'].map((at) =>
  fileURLToPath(new URL(at, import.meta.url)),
);

/** `acp-worker.mjs` as a model of an agent host's file. */
export function acpModel(name: string, steps: readonly object[]): string {
  const args = [ACP_WORKER, JSON.stringify(steps)];
  return [
    '[[models]]',
    'kind = "acp"',
    `name = ${JSON.stringify(name)}`,
    `command = ${JSON.stringify(process.execPath)}`,
    `args = ${JSON.stringify(args)}`,
    `folders = ${JSON.stringify(ACP_FOLDERS)}`,
    'input-price = 0',
    'output-price = 0',
    '',
  ].join('\n');
}
