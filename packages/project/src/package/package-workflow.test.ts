import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, symlink, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { closeDiagrams } from '../diagram/index.js';
import { loadProject } from '../manifest/index.js';
import { ProjectError } from '../problems/index.js';
import { HELLO_MANIFEST, temporaryProject } from '../testing/temporary-project.js';
import { readZip, type ZipContents } from '../verify/read-zip.js';
import { verifyArtifact } from '../verify/verify-artifact.js';
import { type PackagedWorkflow, type PackageOptions, packageWorkflow } from './package-workflow.js';

// Real bundlers and Mermaid: seconds on a busy machine.
vi.setConfig({ testTimeout: 90_000 });
afterAll(closeDiagrams);

async function pack(dir: string, options?: PackageOptions): Promise<PackagedWorkflow> {
  const project = await loadProject(dir);
  return packageWorkflow(project, project.workflows[0]!, options);
}

async function unzip({ zipPath }: PackagedWorkflow): Promise<ZipContents> {
  return readZip(await readFile(zipPath));
}

async function problemsOf(dir: string): Promise<string[]> {
  const error = await pack(dir).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(ProjectError);
  return (error as ProjectError).problems;
}

describe('a package', () => {
  test('has the manifest, the sources and the bundles, and is what the server accepts', async () => {
    const dir = await temporaryProject({
      'demo/.env': 'SECRET=1',
      'demo/.env.local': 'SECRET=1',
      'demo/.pegasus/credentials': 'api_key = "vnd_secret"',
      'demo/node_modules/x/index.js': '',
      'demo/dist/old.js': '',
      'demo/lib/__pycache__/x.pyc': '',
      'demo/lib/data.json': '{}',
      'elsewhere/notes.md': 'not in the source folder',
    });
    const steps: string[] = [];
    const packaged = await pack(dir, { onProgress: (step) => steps.push(step) });
    expect(steps).toEqual(['check', 'bundle', 'zip']);
    expect(packaged).toMatchObject({
      name: 'demo',
      version: '1.0.0',
      zipPath: path.join(dir, 'dist/demo-1.0.0.zip'),
      sha256: createHash('sha256')
        .update(await readFile(packaged.zipPath))
        .digest('hex'),
    });
    const { files, text } = await unzip(packaged);
    expect([...files.keys()]).toEqual([
      '.pegasus/activities.cjs',
      '.pegasus/artifact.json',
      '.pegasus/workflows.js',
      'demo/activities.ts',
      'demo/lib/data.json',
      'demo/workflow.mmd',
      'demo/workflow.ts',
      'pegasus-workflows.toml',
    ]);
    expect(JSON.parse(text('.pegasus/artifact.json')!)).toEqual({
      format: 1,
      runtime: 'typescript',
      name: 'demo',
      version: '1.0.0',
      workflowType: 'helloWorkflow',
      hasActivities: true,
      temporalSdkVersion: expect.stringMatching(/^1\./),
    });
    expect(await readdir(path.join(dir, 'dist'))).toEqual(['demo-1.0.0.zip']);
    await expect(verifyArtifact(packaged.zipPath, packaged)).resolves.toMatchObject({
      executable: true,
      workflowType: 'helloWorkflow',
      sha256: packaged.sha256,
    });
  });

  test('has the same bytes in any folder, any time zone and any run, and no path of the machine', async () => {
    const files = {
      'pegasus-workflows.toml': HELLO_MANIFEST.replace(
        'Workflow"]',
        'Workflow", "demo/second:secondWorkflow"]',
      ),
      'demo/second.ts':
        "import { tool } from 'tool';\nexport async function secondWorkflow() { return tool; }\nexport const helloWorkflow = 1;\n",
      'demo/activities.ts': "import { tool } from 'tool';\nexport async function greet() { return tool; }\n",
      'node_modules/tool/package.json': '{"name":"tool","main":"index.js"}',
      'node_modules/tool/index.js': "exports.tool = require('./inner').inner;\n",
      'node_modules/tool/inner.js': "exports.inner = 'inner';\n",
    };
    const first = await temporaryProject(files, { temporal: true });
    const second = await temporaryProject(files, { temporal: true, parent: 'much/deeper/down' });
    const timeZone = process.env['TZ'];
    const packaged = [await pack(first)];
    process.env['TZ'] = 'Pacific/Auckland';
    packaged.push(await pack(second), await pack(first));
    if (timeZone === undefined) delete process.env['TZ'];
    else process.env['TZ'] = timeZone;
    expect(new Set(packaged.map(({ sha256 }) => sha256)).size).toBe(1);
    const { text } = await unzip(packaged[0]!);
    for (const bundle of ['.pegasus/workflows.js', '.pegasus/activities.cjs']) {
      const { code, map } = splitMap(text(bundle)!);
      expect(code + JSON.stringify(map)).not.toContain(first);
      expect(code + JSON.stringify(map)).not.toContain(process.cwd());
    }
    const { map } = splitMap(text('.pegasus/workflows.js')!);
    expect(map.sources).toEqual(
      expect.arrayContaining(['demo/workflow.ts', 'demo/second.ts', 'node_modules/tool/index.js']),
    );
    expect(map.sourcesContent[map.sources.indexOf('demo/second.ts')]).toBe(files['demo/second.ts']);
    expect(splitMap(text('.pegasus/activities.cjs')!).map.sources).toContain('demo/activities.ts');
  });

  test('may be made under another version, which the manifest inside says too', async () => {
    const toml = `# Ours\n${HELLO_MANIFEST.replace('version = "1.0.0"', "version = '1.0.0' # bump")}`;
    const dir = await temporaryProject({ 'pegasus-workflows.toml': toml });
    const packaged = await pack(dir, { version: '1.0.0-dev.3', outDir: 'out' });
    expect(packaged).toMatchObject({ version: '1.0.0-dev.3', manifest: { version: '1.0.0-dev.3' } });
    expect(packaged.zipPath).toBe(path.join(dir, 'out/demo-1.0.0-dev.3.zip'));
    const { text } = await unzip(packaged);
    expect(text('pegasus-workflows.toml')).toBe(toml.replace("'1.0.0'", '"1.0.0-dev.3"'));
    await expect(verifyArtifact(packaged.zipPath, packaged)).resolves.toMatchObject({ executable: true });
    await expect(pack(dir, { version: 'next' })).rejects.toMatchObject({ code: 'VALIDATION_ERROR' });
  });

  test('of a Python workflow has sources alone', async () => {
    const dir = await temporaryProject({
      'pegasus-workflows.toml': HELLO_MANIFEST.replace(
        'demo/workflow:helloWorkflow',
        'demo.workflow:HelloWorkflow',
      ),
      'demo/workflow.ts': undefined,
      'demo/activities.ts': undefined,
      'demo/workflow.py': 'class HelloWorkflow:\n    pass\n',
    });
    const packaged = await pack(dir);
    expect([...(await unzip(packaged)).files.keys()]).toEqual([
      'demo/workflow.mmd',
      'demo/workflow.py',
      'pegasus-workflows.toml',
    ]);
    await expect(verifyArtifact(packaged.zipPath, packaged)).resolves.toMatchObject({ executable: false });
  });
});

function splitMap(bundle: string): {
  code: string;
  map: { sources: string[]; sourcesContent: (string | null)[] };
} {
  const [code, encoded] = bundle.split('//# sourceMappingURL=data:application/json;charset=utf-8;base64,');
  return { code: code!, map: JSON.parse(Buffer.from(encoded!, 'base64').toString()) };
}

const packageFiles = (name: string, source: string): Record<string, string> => ({
  [`node_modules/${name}/package.json`]: JSON.stringify({ name, main: 'index.js' }),
  [`node_modules/${name}/index.js`]: source,
});
const WORKFLOW_USING = (name: string): string =>
  `import { sleep } from '@temporalio/workflow';\nimport tool from '${name}';\n\nexport async function helloWorkflow() {\n  await sleep(1);\n  return tool;\n}\n`;
const ACTIVITIES_USING = (name: string): string =>
  `import tool from '${name}';\nexport async function greet() {\n  return tool;\n}\n`;

/** Each project that must be refused: its files → its problems. */
const BAD_PROJECTS: Record<string, { files: Record<string, string>; problems: (string | RegExp)[] }> = {
  'problems in code, entry points and diagram at once': {
    files: {
      'demo/workflow.ts': "import fs from 'fs';\nexport const helloWorkflow = { fs };\n",
      'demo/workflow.mmd': 'hello\n',
    },
    problems: [
      /^demo\/workflow\.mmd:1:1 is not Mermaid/,
      'demo/workflow.ts:1:16 workflow code imports "fs", a Node module — do it in an activity and call that through proxyActivities()',
      'pegasus-workflows.toml:4:17 "helloWorkflow" of demo/workflow.ts is an object, not a function — export a workflow function: `export async function helloWorkflow(…)`',
    ],
  },
  'a Node module deep in a package': {
    files: {
      'demo/workflow.ts': WORKFLOW_USING('outer'),
      ...packageFiles('outer', "module.exports = require('inner');\n"),
      ...packageFiles('inner', "module.exports = require('node:net').connect;\n"),
    },
    problems: [
      'demo/workflow.ts:2:18 workflow code reaches "node:net" through "outer" → "inner" — import the package in an activity, or use one that needs nothing of Node',
    ],
  },
  'packages that are not installed': {
    files: {
      'demo/workflow.ts': WORKFLOW_USING('missing-one'),
      'demo/activities.ts': ACTIVITIES_USING('@scope/missing-two/sub'),
    },
    problems: [
      'demo/activities.ts:1:18 "@scope/missing-two/sub" cannot be found — run `npm install @scope/missing-two`, or correct the import',
      'demo/workflow.ts:2:18 "missing-one" cannot be found — run `npm install missing-one`, or correct the import',
    ],
  },
  'a native package known by name': {
    files: { 'demo/activities.ts': ACTIVITIES_USING('better-sqlite3') },
    problems: [
      'demo/activities.ts:1:18 package "better-sqlite3" has native parts and cannot be packaged — use a package in plain JavaScript, or call a service that does this',
    ],
  },
  'a package that requires a .node file': {
    files: {
      'demo/activities.ts': ACTIVITIES_USING('fast-thing'),
      ...packageFiles('fast-thing', "module.exports = require('./build/Release/fast.node');\n"),
    },
    problems: [
      /^node_modules\/fast-thing\/index\.js:1:\d+ package "fast-thing" loads the binary file fast\.node and cannot be packaged/,
    ],
  },
  'a package that finds its add-on when it runs': {
    files: {
      'demo/activities.ts': ACTIVITIES_USING('outer'),
      ...packageFiles('outer', "module.exports = require('fast-thing');\n"),
      ...packageFiles('fast-thing', "const b = require('bindings');\nmodule.exports = b('fast');\n"),
      ...packageFiles('bindings', 'module.exports = () => 1;\n'),
    },
    problems: [
      'demo/activities.ts package "fast-thing" loads a compiled file of its own and cannot be packaged — use a package in plain JavaScript, or call a service that does this',
    ],
  },
  'a package that reads WebAssembly beside it': {
    files: {
      'demo/activities.ts': ACTIVITIES_USING('wasmy'),
      ...packageFiles(
        'wasmy',
        "module.exports = require('fs').readFileSync(require('path').join(__dirname, 'x.wasm'));\n",
      ),
    },
    problems: [/^demo\/activities\.ts package "wasmy" loads a compiled file of its own/],
  },
};

test.each(Object.entries(BAD_PROJECTS))('refuses %s', async (_, { files, problems }) => {
  const dir = await temporaryProject(files);
  const found = await problemsOf(dir);
  expect(found).toHaveLength(problems.length);
  problems.forEach((problem, index) => {
    if (typeof problem === 'string') expect(found[index]).toBe(problem);
    else expect(found[index]).toMatch(problem);
  });
  await expect(readdir(path.join(dir, 'dist'))).rejects.toThrow('ENOENT');
});

describe('the source folder', () => {
  test('may hold links that stay in the project, and no others', async () => {
    const dir = await temporaryProject({ 'shared/note.txt': 'shared' });
    await symlink('../shared', path.join(dir, 'demo/linked'));
    expect((await unzip(await pack(dir))).text('demo/linked/note.txt')).toBe('shared');
    await symlink('/etc/hostname', path.join(dir, 'demo/outside'));
    await symlink('nowhere', path.join(dir, 'demo/broken'));
    await symlink('..', path.join(dir, 'demo/loop'));
    expect(await problemsOf(dir)).toEqual([
      'demo/broken is a broken symbolic link — remove it, or restore what it points to',
      expect.stringMatching(/^demo\/loop/),
      'demo/outside is a symbolic link that leads outside the project — copy the file into the project',
    ]);
  });

  test('is refused at once when it is huge, with its largest files', async () => {
    const dir = await temporaryProject();
    await mkdir(path.join(dir, 'demo/data'));
    for (const [name, mebibytes] of [
      ['large.bin', 90],
      ['small.bin', 10],
    ] as const) {
      await writeFile(path.join(dir, 'demo/data', name), '');
      await truncate(path.join(dir, 'demo/data', name), mebibytes * 1024 * 1024);
    }
    const started = performance.now();
    expect(await problemsOf(dir)).toEqual([
      expect.stringMatching(
        /^demo holds more than 75 MiB; the largest files are demo\/data\/large\.bin \(90 MiB\)/,
      ),
    ]);
    expect(performance.now() - started).toBeLessThan(5_000);
  });

  test('is refused when its zip is too large', async () => {
    const dir = await temporaryProject();
    const noise = Buffer.alloc(27 * 1024 * 1024);
    let state = 1;
    for (let at = 0; at + 4 <= noise.length; at += 4) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      noise.writeUInt32LE((state ^ (state >>> 15)) >>> 0, at);
    }
    await writeFile(path.join(dir, 'demo/noise.bin'), noise);
    expect(await problemsOf(dir)).toEqual([
      expect.stringMatching(
        /^demo makes an artifact of 2\d\.\d\d MiB; the largest files are demo\/noise\.bin \(27 MiB\)/,
      ),
    ]);
  });
});

describe('the diagram against the code', () => {
  const PARTS = {
    'demo/workflow.ts': `export { helloWorkflow } from '../shared/flow.js';\n`,
    'shared/flow.ts': `import { proxyActivities } from '@temporalio/workflow';
import type * as activities from '../demo/activities.js';
const { greet, wave } = proxyActivities<typeof activities>({ startToCloseTimeout: '1 minute' });
export async function helloWorkflow() {
  await wave();
  return greet('you');
}
`,
  };
  const DIFFERS = {
    verdict: 'DIFFERS',
    missing: [{ kind: 'activity', name: 'wave', file: 'shared/flow.ts', line: 5 }],
    unknown: [],
  };

  test('code outside of the source folder is in the zip, and the server comes to the same verdict', async () => {
    const dir = await temporaryProject(PARTS);
    const packaged = await pack(dir);
    expect(packaged.diagramCheck).toEqual(DIFFERS);
    expect(packaged.manifest.diagramCheck).toEqual(DIFFERS);
    expect([...(await unzip(packaged)).files.keys()]).toContain('shared/flow.ts');
    const { manifest, sizeBytes, zipPath } = packaged;
    expect((await verifyArtifact(zipPath, { manifest, sizeBytes })).diagramCheck).toEqual(DIFFERS);
  });

  test('is an error when it must match, and nothing is written', async () => {
    const dir = await temporaryProject(PARTS);
    const error = await pack(dir, { strict: true }).catch((reason: unknown) => reason);
    expect((error as ProjectError).problems).toEqual([
      'shared/flow.ts:5 activity "wave" is not in demo/workflow.mmd — add a node for it, with the id "wave" or its words as the label',
    ]);
    expect(await readdir(dir)).not.toContain('dist');
  });

  test('a link to code outside of the project is refused by name', async () => {
    const elsewhere = await temporaryProject({ 'flow.ts': 'export async function helloWorkflow() {}\n' });
    const dir = await temporaryProject({ ...PARTS, 'shared/flow.ts': undefined, 'shared/note.md': '' });
    await symlink(path.join(elsewhere, 'flow.ts'), path.join(dir, 'shared/flow.ts'));
    expect(await problemsOf(dir)).toEqual([
      'shared/flow.ts is a symbolic link that leads outside the project — copy the file into the project',
    ]);
  });
});
