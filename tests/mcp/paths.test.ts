import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { failureOf, Session } from './support/session.js';

const MANIFEST = '[[workflow]]\nname = "demo"\nversion = "1.0.0"\nentry_points = ["demo/workflow:demo"]\n';
const WORKFLOW = 'export async function demo(): Promise<string> {\n  return "done";\n}\n';
const DIAGRAM = 'flowchart TD\n  start --> done\n';
const MINUTES = 60_000;

let session: Session;
let count = 0;
/** A folder of its own for each test, and beside it one that no call names. */
let inside: string;
let outside: string;

beforeAll(async () => {
  session = await Session.open();
});
afterAll(() => session[Symbol.asyncDispose]());
beforeEach(async () => {
  const base = `case-${++count}`;
  inside = path.join(session.root, base, 'inside');
  outside = path.join(session.root, base, 'outside');
  await session.write({
    [`${base}/inside/pegasus-workflows.toml`]: MANIFEST,
    [`${base}/inside/demo/workflow.ts`]: WORKFLOW,
    [`${base}/inside/demo/workflow.mmd`]: DIAGRAM,
    [`${base}/outside/pegasus-workflows.toml`]: MANIFEST,
    [`${base}/outside/deployments.toml`]: '[prod]\nversion = "9.9.9"\n',
    [`${base}/outside/workflow.ts`]: WORKFLOW,
    [`${base}/outside/workflow.mmd`]: DIAGRAM,
  });
});

/** A refusal is one sentence with a code, and nothing was made outside (invariant 5). */
async function refused(
  tool: string,
  args: Record<string, unknown>,
  sentence: RegExp | string,
): Promise<void> {
  const before = await readdir(outside, { recursive: true });
  const failure = failureOf(await session.call(tool, args));
  expect(failure['error']).toMatch(sentence);
  expect(failure['code']).toMatch(/^(FORBIDDEN|VALIDATION_ERROR|NOT_FOUND)$/);
  expect(await readdir(outside, { recursive: true })).toEqual(before);
}

describe('a path (invariants 1 and 2)', () => {
  const where = (tool: string, folder: string): Record<string, unknown> => {
    if (tool === 'scaffold_workflow') return { name: 'demo', dest: folder };
    return tool === 'validate_manifest' ? { path_or_toml: folder } : { project_dir: folder };
  };
  const tools = ['scaffold_workflow', 'validate_manifest', 'package_project', 'list_deployments'];

  it.each(tools)('with ".." is refused: %s', async (tool) => {
    await refused(tool, where(tool, `${inside}/../outside`), 'has a ".." in it');
    await refused(tool, where(tool, './../outside'), 'has a ".." in it');
  });

  it.each(tools)(
    'that is relative and goes through a link out of the working directory is refused: %s',
    async (tool) => {
      const away = path.join(session.root, `away-${tool}`);
      await symlink('/', away);
      await refused(
        tool,
        where(tool, `./away-${tool}/etc/none`),
        /leads out of the working directory|does not exist/,
      );
    },
  );

  it.each(tools)('with a control character, a "~", or of a monstrous length is refused: %s', async (tool) => {
    await refused(tool, where(tool, `./a\u0000b`), 'has a control character in it');
    await refused(tool, where(tool, '~/projects'), 'starts with "~"');
    await refused(tool, where(tool, `/${'x'.repeat(100_000)}`), 'is longer than 4096 characters');
  });

  it('that is not there, or a file, is refused', async () => {
    await refused('package_project', { project_dir: path.join(inside, 'none') }, 'does not exist');
    await refused(
      'package_project',
      { project_dir: path.join(inside, 'demo/workflow.ts') },
      'is not a folder',
    );
    await refused(
      'list_deployments',
      { project_dir: path.join(inside, 'demo/workflow.ts/x') },
      'goes through a file',
    );
  });
});

describe('scaffold_workflow', () => {
  it.each(['../evil', 'a/b', '/etc/evil', '..', 'a\\b', ''])('refuses the name %j', async (name) => {
    await refused('scaffold_workflow', { name, dest: path.join(inside, 'new') }, 'Workflow name');
    expect(await readdir(inside)).not.toContain('new');
  });

  it('refuses a place that is a link, dangling or not', async () => {
    await symlink(path.join(outside, 'made'), path.join(inside, 'dangling'));
    await mkdir(path.join(outside, 'empty'));
    await symlink(path.join(outside, 'empty'), path.join(inside, 'link'));
    for (const name of ['dangling', 'link'])
      await refused(
        'scaffold_workflow',
        { name: 'demo', dest: path.join(inside, name) },
        'is a symbolic link',
      );
  });

  it('refuses a place behind a link to nothing', async () => {
    await symlink(path.join(outside, 'made'), path.join(inside, 'dangling'));
    const dest = path.join(inside, 'dangling/new');
    await refused('scaffold_workflow', { name: 'demo', dest }, 'goes through a symbolic link to nothing');
  });
});

describe('in a project, a link that leads out is refused (invariant 4)', () => {
  const both = ['validate_manifest', 'package_project'] as const;
  const about = (tool: string): Record<string, unknown> =>
    tool === 'validate_manifest' ? { path_or_toml: inside } : { project_dir: inside };

  async function replaceByLink(file: string, target: string): Promise<void> {
    const { rm } = await import('node:fs/promises');
    await rm(path.join(inside, file), { recursive: true, force: true });
    await symlink(target, path.join(inside, file));
  }

  it.each(both)('as the manifest: %s', async (tool) => {
    await replaceByLink('pegasus-workflows.toml', path.join(outside, 'pegasus-workflows.toml'));
    await refused(
      tool,
      about(tool),
      '"pegasus-workflows.toml" is or goes through a symbolic link that leads outside',
    );
  });

  it.each(both)('as the source folder: %s', async (tool) => {
    await replaceByLink('demo', outside);
    await refused(tool, about(tool), '"demo" is or goes through a symbolic link that leads outside');
  });

  it.each(both)('as the diagram: %s', async (tool) => {
    await replaceByLink('demo/workflow.mmd', path.join(outside, 'workflow.mmd'));
    await refused(
      tool,
      about(tool),
      '"demo/workflow.mmd" is or goes through a symbolic link that leads outside',
    );
  });

  it.each(both)('to nothing: %s', async (tool) => {
    await replaceByLink('demo', path.join(outside, 'none'));
    await refused(tool, about(tool), '"demo" is or goes through a symbolic link to nothing');
  });

  it('as the ledger', async () => {
    await symlink(path.join(outside, 'deployments.toml'), path.join(inside, 'deployments.toml'));
    await refused(
      'list_deployments',
      { project_dir: inside },
      '"deployments.toml" is or goes through a symbolic link',
    );
  });

  it('as dist, where artifacts would be written', async () => {
    await symlink(outside, path.join(inside, 'dist'));
    await refused(
      'package_project',
      { project_dir: inside },
      '"dist" is or goes through a symbolic link that leads',
    );
  });

  it('as dist, to nothing', async () => {
    await symlink(path.join(outside, 'made'), path.join(inside, 'dist'));
    await refused(
      'package_project',
      { project_dir: inside },
      '"dist" is or goes through a symbolic link to nothing',
    );
  });

  it('while one that stays inside is followed', async () => {
    const { rename } = await import('node:fs/promises');
    await rename(path.join(inside, 'demo/workflow.mmd'), path.join(inside, 'drawn.mmd'));
    await symlink('../drawn.mmd', path.join(inside, 'demo/workflow.mmd'));
    const { structured } = await session.call('validate_manifest', { path_or_toml: inside });
    expect(structured).toMatchObject({ valid: true });
  });
});

describe('in the code of a project, what lies outside is not packaged', () => {
  async function packaged(): Promise<string> {
    const { isError, texts } = await session.call('package_project', { project_dir: inside });
    expect(isError).toBe(true);
    expect(await readdir(inside)).not.toContain('dist');
    return JSON.stringify(texts);
  }

  it(
    'a source file that is a link',
    async () => {
      await symlink(path.join(outside, 'workflow.ts'), path.join(inside, 'demo/linked.ts'));
      expect(await packaged()).toContain('leads outside the project');
    },
    2 * MINUTES,
  );

  it.each([
    ['relative', () => '../../outside/workflow.js'],
    ['absolute', () => path.join(outside, 'workflow.ts')],
  ])(
    'an import by a path that is %s',
    async (_name, specifier) => {
      const code = `import { demo as other } from ${JSON.stringify(specifier())};\nexport const demo = (): Promise<string> => other();\n`;
      await writeFile(path.join(inside, 'demo/workflow.ts'), code);
      expect(await packaged()).toMatch(/demo\/workflow\.ts:1:\d+ imports .*which lies outside the project/);
    },
    2 * MINUTES,
  );

  it(
    "an activity's import of any file",
    async () => {
      await writeFile(path.join(outside, 'secret.json'), '{"key": "do not take me along"}');
      const code = 'import secret from "../../outside/secret.json";\nexport const activity = () => secret;\n';
      await writeFile(path.join(inside, 'demo/activities.ts'), code);
      const told = await packaged();
      expect(told).toContain('which lies outside the project');
      expect(told).not.toContain('do not take me along');
    },
    2 * MINUTES,
  );

  it('a source folder or an entry point that the manifest puts outside', async () => {
    const manifest = MANIFEST.replace('entry_points', 'source_dir = "../outside"\nentry_points');
    await writeFile(path.join(inside, 'pegasus-workflows.toml'), manifest);
    expect(await packaged()).toContain('must be a folder below');
  });
});

describe("with the client's roots (invariant 3)", () => {
  it('only what lies in one of them is reached, and a change of them is heeded', async () => {
    let roots = [inside];
    await using rooted = await Session.open({ roots: () => roots });
    expect((await rooted.call('list_deployments', { project_dir: inside })).texts).toEqual([[]]);
    for (const folder of [outside, path.dirname(inside), `${inside}-beside`, '/etc'])
      expect(failureOf(await rooted.call('list_deployments', { project_dir: folder }))['error']).toMatch(
        /lies outside the roots of this client|does not exist/,
      );
    const made = path.join(outside, 'new');
    expect(failureOf(await rooted.call('scaffold_workflow', { name: 'demo', dest: made }))).toMatchObject({
      code: 'FORBIDDEN',
      hint: expect.stringContaining(inside),
    });
    await symlink(outside, path.join(inside, 'link'));
    const behind = path.join(inside, 'link/new');
    expect(failureOf(await rooted.call('scaffold_workflow', { name: 'demo', dest: behind }))).toMatchObject({
      code: 'FORBIDDEN',
    });
    expect(await readdir(outside)).not.toContain('new');

    roots = [outside];
    await rooted.client.sendRootsListChanged();
    expect((await rooted.call('list_deployments', { project_dir: outside })).isError).toBe(false);
    expect((await rooted.call('list_deployments', { project_dir: inside })).isError).toBe(true);
  });

  it('none of which is a folder here, nothing is reached; an empty list says nothing', async () => {
    let roots = [path.join(outside, 'none')];
    await using rooted = await Session.open({ roots: () => roots });
    expect(failureOf(await rooted.call('list_deployments', { project_dir: inside }))).toMatchObject({
      code: 'FORBIDDEN',
    });
    roots = [];
    await rooted.client.sendRootsListChanged();
    expect((await rooted.call('list_deployments', { project_dir: inside })).isError).toBe(false);
  });
});

it('a manifest given as text reaches no file', async () => {
  const text = MANIFEST.replaceAll('demo', '../../outside');
  const { structured } = await session.call('validate_manifest', { path_or_toml: text });
  expect(structured).toMatchObject({ valid: false });
  expect(await readFile(path.join(outside, 'pegasus-workflows.toml'), 'utf8')).toBe(MANIFEST);
});
