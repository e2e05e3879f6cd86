import { readdir, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Progress } from '@modelcontextprotocol/sdk/types.js';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventually } from '../support/wait.js';
import { failureOf, Session, told } from './support/session.js';

const MINUTES = 60_000;

let session: Session;
let project: string;
beforeAll(async () => {
  session = await Session.open();
  project = await session.project('demo');
});
afterAll(() => session[Symbol.asyncDispose]());

it(
  'builds the artifacts, tells its progress, and answers the list',
  async () => {
    const seen: Progress[] = [];
    const result = await session.client.callTool(
      { name: 'package_project', arguments: { project_dir: project } },
      undefined,
      { onprogress: (progress) => seen.push(progress), timeout: 2 * MINUTES },
    );
    const { isError, structured, texts } = told(result);
    expect(isError, JSON.stringify(texts)).toBe(false);
    const zipPath = path.join(project, 'dist/demo-1.0.0.zip');
    const list = [
      { name: 'demo', version: '1.0.0', zip_path: zipPath, size_bytes: (await stat(zipPath)).size },
    ];
    expect(structured).toEqual({ result: list });
    expect(texts).toEqual([list]);
    expect(seen.map(({ progress }) => progress)).toEqual([0, 1, 2]);
    expect(seen.at(-1)).toEqual({ progress: 2, total: 3, message: 'writing the artifact demo' });
    expect(await readdir(path.join(project, 'dist'))).toEqual(['demo-1.0.0.zip']);
  },
  3 * MINUTES,
);

it(
  'that is cancelled stops, leaves nothing half, and can be called again',
  async () => {
    const other = await session.project('cancelled');
    const cancelling = new AbortController();
    const call = session.client.callTool(
      { name: 'package_project', arguments: { project_dir: other } },
      undefined,
      {
        signal: cancelling.signal,
        timeout: 2 * MINUTES,
        onprogress: ({ progress }) => {
          if (progress === 1) cancelling.abort('changed my mind');
        },
      },
    );
    await expect(call).rejects.toThrow('changed my mind');
    await eventually(async () => expect(await readdir(other)).not.toContain('dist'), { timeoutMs: MINUTES });
    expect(session.log).toContain('"ended":"cancelled"');
    const again = await session.call('package_project', { project_dir: other });
    expect(again.texts).toMatchObject([[{ name: 'cancelled', size_bytes: expect.any(Number) }]]);
    expect(await readdir(path.join(other, 'dist'))).toEqual(['cancelled-1.0.0.zip']);
  },
  5 * MINUTES,
);

it(
  'tells what is wrong with the code, and packages the other workflows all the same',
  async () => {
    const mixed = await session.project('mixed');
    await session.write({
      'mixed/broken/workflow.ts': "import 'node:fs';\nexport async function broken(): Promise<void> {}\n",
      'mixed/broken/workflow.mmd': 'flowchart TD\n  a --> b\n',
    });
    const manifest = ['mixed', 'broken'].map(
      (name) =>
        `[[workflow]]\nname = "${name}"\nversion = "1.0.0"\nentry_points = ["${name}/workflow:${name === 'mixed' ? 'mixedWorkflow' : name}"]\n`,
    );
    await writeFile(path.join(mixed, 'pegasus-workflows.toml'), manifest.join('\n'));
    const { isError, texts, structured } = await session.call('package_project', { project_dir: mixed });
    expect(isError).toBe(true);
    const [list, failure] = texts;
    expect(list).toMatchObject([{ name: 'mixed', version: '1.0.0' }]);
    expect(structured).toEqual({ result: list });
    expect(failure).toMatchObject({
      error: expect.stringContaining('broken@1.0.0'),
      code: 'VALIDATION_ERROR',
      problems: [expect.stringMatching(/^broken\/workflow\.ts:1:\d+ .*node:fs/)],
    });
  },
  3 * MINUTES,
);

it(
  'warns of a diagram that differs from the code',
  async () => {
    const drawn = await session.project('drawn');
    await writeFile(path.join(drawn, 'drawn/workflow.mmd'), 'flowchart TD\n  start --> sendInvoice\n');
    const { isError, texts, structured } = await session.call('package_project', { project_dir: drawn });
    expect(isError, JSON.stringify(texts)).toBe(false);
    const [list, warning] = texts;
    expect(list).toMatchObject([{ name: 'drawn' }]);
    expect(warning).toMatchObject({
      warning: expect.stringContaining('diagram of drawn differs from the code'),
      problems: expect.arrayContaining([expect.stringContaining('composeGreeting')]),
    });
    expect(structured).toEqual({ result: list, warnings: [warning] });
  },
  3 * MINUTES,
);

it('lists every problem of a manifest, and builds nothing', async () => {
  await session.write({ 'wrong/pegasus-workflows.toml': '[[workflow]]\nname = "wrong"\n' });
  const failure = failureOf(await session.call('package_project', { project_dir: 'wrong' }));
  expect(failure).toMatchObject({
    code: 'VALIDATION_ERROR',
    problems: expect.arrayContaining([expect.stringContaining('`version` is missing')]),
  });
  expect(await readdir(path.join(session.root, 'wrong'))).toEqual(['pegasus-workflows.toml']);
});
