import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { onTestFinished } from 'vitest';

const require = createRequire(import.meta.url);

export const HELLO_MANIFEST = `[[workflow]]
name = "demo"
version = "1.0.0"
entry_points = ["demo/workflow:helloWorkflow"]
`;

export const HELLO_FILES = {
  'pegasus-workflows.toml': HELLO_MANIFEST,
  'demo/workflow.mmd': 'flowchart TD\n  start --> greet\n',
  'demo/workflow.ts': `import { proxyActivities } from '@temporalio/workflow';
import type * as activities from './activities.js';

const { greet } = proxyActivities<typeof activities>({ startToCloseTimeout: '1 minute' });

export async function helloWorkflow(input: { name: string }): Promise<string> {
  return greet(input.name);
}
`,
  'demo/activities.ts': `import { log } from '@temporalio/activity';

export async function greet(name: string): Promise<string> {
  log.info('greeting');
  return \`Hello, \${name}\`;
}
`,
} as const;

/** A folder of these files, removed after the test. Text or bytes; `undefined` leaves out a file of the base. */
export async function temporaryProject(
  files: Record<string, string | Uint8Array | undefined> = {},
  options: { base?: Record<string, string>; parent?: string; temporal?: boolean } = {},
): Promise<string> {
  const dir = await realpath(await mkdtemp(path.join(os.tmpdir(), 'pegasus-project-')));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  const root = path.join(dir, options.parent ?? '');
  for (const [file, content] of Object.entries({ ...(options.base ?? HELLO_FILES), ...files })) {
    if (content === undefined) continue;
    await mkdir(path.dirname(path.join(root, file)), { recursive: true });
    await writeFile(path.join(root, file), content);
  }
  if (options.temporal) {
    const own = path.dirname(path.dirname(require.resolve('@temporalio/workflow/package.json')));
    await mkdir(path.join(root, 'node_modules'), { recursive: true });
    await symlink(own, path.join(root, 'node_modules/@temporalio'));
  }
  return root;
}
