import { mkdtemp, rm, writeFile, mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Manifest } from '@pegasus-workflows/contracts';
import { loadProject, packageWorkflow } from '@pegasus-workflows/project';
import { describe, expect, test } from 'vitest';
import { artifact, plus } from '../../server/artifacts.js';
import { type ZipEntry } from '../../server/zip.js';
import { MINUTE, stage } from '../stage.js';

let serial = 0;
/** What comes of publishing this, while the neighbour works. */
function publish(change: (entries: ZipEntry[]) => ZipEntry[], manifestChange: object = {}): Promise<unknown> {
  const { manifest, zip } = artifact(
    'crafted',
    `1.0.${++serial}`,
    change,
    manifestChange as Partial<Manifest>,
  );
  const { client } = stage.mallory;
  return stage.whileNeighbourWorks(() =>
    client.workflows.publish({ manifest, artifact: new Uint8Array(zip) }).then(
      (workflow) => ({ published: workflow.name }),
      (error: unknown) => ({ refused: String((error as Error).message), ...(error as object) }),
    ),
  );
}
const LINK = 0o120777;

describe('an artifact', () => {
  test.each<[string, ZipEntry, RegExp]>([
    ['a symbolic link', { name: 'demo/link', data: '/etc/passwd', mode: LINK }, /symbolic link/],
    ['a path that leads out of it', { name: '../../evil.js', data: 'x' }, /\.\./],
    ['an absolute path', { name: '/etc/cron.d/evil', data: 'x' }, /absolute|\//],
    ['a path of Windows', { name: 'C:\\evil.js', data: 'x' }, /evil/],
    ['a name twice', { name: '.pegasus/workflows.js', data: 'evil' }, /twice|same|already|duplicate/i],
    ['a bomb', { name: 'demo/bomb.txt', data: Buffer.alloc(64 << 20) }, /times its size/],
  ])('with %s is refused', async (_what, entry, reason) => {
    const outcome = await publish(plus(entry));
    expect(outcome).not.toHaveProperty('published');
    expect(JSON.stringify(outcome)).toMatch(reason);
  });

  test('that says which tenant it is of is refused, and is nobody’s', async () => {
    const outcome = await publish((entries) => entries, { tenantId: stage.neighbour.tenantId });
    expect(outcome).not.toHaveProperty('published');
    const seen = await stage.neighbour.client.workflows.list();
    expect(seen.map(({ name }) => name)).toEqual(['steady']);
  });

  test('with install scripts and startup files of npm and Node runs none of them', async () => {
    const evil = 'require("node:fs").writeFileSync("/tmp/hooked", "x")';
    const entries: ZipEntry[] = [
      {
        name: 'package.json',
        data: JSON.stringify({
          scripts: { preinstall: 'touch /tmp/hooked', postinstall: 'touch /tmp/hooked' },
        }),
      },
      { name: '.npmrc', data: 'script-shell=/tmp/evil\n' },
      { name: '.noderc.js', data: evil },
      { name: 'node_modules/@temporalio/worker/index.js', data: evil },
      { name: 'demo/evil.node', data: '\x7fELF' },
    ];
    // Published or not: of an accepted one the runner takes the bundles and nothing else.
    await publish(plus(...entries));
    expect(await stage.attack('exists', { path: '/tmp/hooked' })).toBe(false);
    await expect(import('node:fs/promises').then(({ stat }) => stat('/tmp/hooked'))).rejects.toThrow(
      'ENOENT',
    );
  });

  test('with a native addon, or with Node’s modules in workflow code, is not built', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'pegasus-native-'));
    const pack = async (files: Record<string, string>): Promise<string> => {
      await rm(join(dir, 'native'), { recursive: true, force: true });
      await mkdir(join(dir, 'native'), { recursive: true });
      await writeFile(join(dir, 'pegasus-workflows.toml'), '[[workflow]]\nname = "native"\nversion = "1.0.0"\nentry_points = ["native/workflow:native"]\n'); // prettier-ignore
      await writeFile(join(dir, 'native/workflow.mmd'), 'flowchart LR\n  start --> done\n');
      for (const [name, text] of Object.entries(files)) await writeFile(join(dir, 'native', name), text);
      return loadProject(dir)
        .then((project) => packageWorkflow(project, project.workflows[0]!, { outDir: dir }))
        .then(
          () => 'built',
          (error: unknown) => JSON.stringify([String(error), error]),
        );
    };
    const honest = 'export async function native(): Promise<void> {}\n';
    const addon = `import addon from './evil.node';\nexport const act = async (): Promise<unknown> => addon;\n`;
    expect(await pack({ 'workflow.ts': honest, 'activities.ts': addon, 'evil.node': '\x7fELF' })).toMatch(
      /evil\.node/,
    );
    expect(await pack({ 'workflow.ts': `import { readFileSync } from 'node:fs';\nexport async function native(): Promise<string> { return readFileSync('/etc/shadow', 'utf8'); }\n` })).toMatch(/node:fs/); // prettier-ignore
    await rm(dir, { recursive: true, force: true });
  });

  test('whose code ends the process while it is loaded takes no neighbour along', async () => {
    const by = await stage.tenant('crasher');
    const { manifest, zip } = await stage.packaged('crashing');
    const before = stage.platform.pids();
    await stage.whileNeighbourWorks(async () => {
      await by.client.workflows.publish({ manifest, artifact: zip });
      await expect.poll(async () => (await stage.logged('"workflowName":"crashing"')).length, { timeout: MINUTE }).toBeGreaterThan(0); // prettier-ignore
    });
    await stage.whileNeighbourWorks(async () => undefined);
    expect(stage.platform.pids()).toEqual(before);
  });
});
