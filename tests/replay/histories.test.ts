import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadProject, type Project } from '@pegasus-workflows/project/manifest';
import { localCode, readHistoryFile, replayHistories } from '@pegasus-workflows/project/replay';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { scaffold } from '../../packages/cli/dist/scaffold/index.js';
import { RECORDINGS } from './recordings.js';
import { runAndFetch } from './support.js';

/**
 * Histories of every release are kept and replayed against the examples and templates of today: an author who began
 * with one of them and takes its newer code has runs like these. `PEGASUS_RECORD_HISTORIES=0.2.0` records those of a
 * release, once, before it goes out; those of earlier releases are never recorded again.
 */
const MINUTES = 60_000;
const KEPT = fileURLToPath(new URL('./histories/', import.meta.url));
const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const RECORD = process.env['PEGASUS_RECORD_HISTORIES'];

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'pegasus-histories-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const projects = new Map<string, Promise<Project>>();

/** `examples/<name>` as it is in the repository, `templates/<name>` as `init` writes it. */
function projectOf(name: string): Promise<Project> {
  const known = projects.get(name);
  if (known) return known;
  const loading = open(name);
  projects.set(name, loading);
  return loading;
}

async function open(name: string): Promise<Project> {
  const template = /^templates\/(.+)$/.exec(name)?.[1];
  if (template === undefined) return loadProject(path.join(ROOT, name));
  const { dir } = await scaffold({ name: 'sample', template, dir: template, cwd: folder });
  return loadProject(dir);
}

describe.runIf(RECORD)('recording', () => {
  it.each(RECORDINGS.map((one) => [`${one.project} ${one.state}`, one] as const))(
    '%s',
    async (_name, { project, state, argument, activities, steps }) => {
      const loaded = await projectOf(project);
      const [workflow] = loaded.workflows;
      const [history] = (await runAndFetch(loaded, workflow!, activities, [argument], steps)).slice(-1);
      const file = path.join(KEPT, RECORD!, project, `${state}.json`);
      await mkdir(path.dirname(file), { recursive: true });
      await writeFile(file, `${JSON.stringify(history, null, 1)}\n`);
    },
    2 * MINUTES,
  );
});

const files = (await readdir(KEPT, { recursive: true, withFileTypes: true }))
  .filter((entry) => entry.isFile() && entry.name.endsWith('.json'))
  .map((entry) => path.relative(KEPT, path.join(entry.parentPath, entry.name)).split(path.sep).join('/'))
  // Those have a test of their own.
  .filter((file) => file.split('/')[1] !== 'dispatches')
  .sort();

describe('histories of old releases fit the code of today', () => {
  it('are there for every example and template', async () => {
    const names = async (below: string): Promise<string[]> =>
      (await readdir(path.join(ROOT, below), { withFileTypes: true }))
        .filter((entry) => entry.isDirectory() && !entry.name.startsWith('_'))
        .map((entry) => entry.name);
    const wanted = [
      ...(await names('examples')).map((name) => `examples/${name}`),
      ...(await names('packages/cli/templates')).map((name) => `templates/${name}`),
    ];
    const kept = new Set(files.map((file) => file.split('/').slice(1, 3).join('/')));
    expect(wanted.filter((name) => !kept.has(name))).toEqual([]);
  });

  it.runIf(files.length > 0).each(files)(
    '%s',
    async (file) => {
      const project = await projectOf(file.split('/').slice(1, 3).join('/'));
      const code = localCode(project, project.workflows[0]!);
      const history = await readHistoryFile(path.join(KEPT, file));
      expect(await replayHistories({ code, histories: [history] })).toEqual([{ verdict: 'ok' }]);
    },
    2 * MINUTES,
  );
});
