import { chmod, mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { ProjectError } from '../problems/index.js';
import { HELLO_MANIFEST, temporaryProject } from '../testing/temporary-project.js';
import { loadProject } from './load-project.js';

async function problemsOf(dir: string): Promise<string[]> {
  const error = await loadProject(dir).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(ProjectError);
  return (error as ProjectError).problems;
}

const WORKFLOW = (lines: string): string =>
  `[[workflow]]\nname = "demo"\nversion = "1.0.0"\nentry_points = ["demo/workflow:helloWorkflow"]\n${lines}`;

describe('a project that is right', () => {
  test('has its manifest in wire form, diagram included', async () => {
    const dir = await temporaryProject({
      'pegasus-workflows.toml': WORKFLOW(
        'description = "Greets"\ntimeout_seconds = 60\nrequired_actions = ["SendSms"]\nrequired_secrets = [{ key = "TOKEN", group = "crm" }]\n',
      ),
    });
    const project = await loadProject(dir);
    expect(project.dir).toBe(dir);
    expect(project.workflows).toEqual([
      {
        name: 'demo',
        version: '1.0.0',
        sourceDir: 'demo',
        runtime: 'typescript',
        entryPoints: [
          {
            runtime: 'typescript',
            module: 'demo/workflow',
            exportName: 'helloWorkflow',
            file: 'demo/workflow.ts',
            position: { line: 4, column: 17 },
          },
        ],
        activitiesModule: 'demo/activities.ts',
        manifest: {
          name: 'demo',
          version: '1.0.0',
          entryPoints: ['demo/workflow:helloWorkflow'],
          description: 'Greets',
          timeoutSeconds: 60,
          requiredActions: ['SendSms'],
          requiredSecrets: [{ key: 'TOKEN', group: 'crm' }],
          diagram: 'flowchart TD\n  start --> greet\n',
        },
      },
    ]);
  });

  test('may have a byte order mark and CRLF line ends, in manifest and diagram', async () => {
    const dir = await temporaryProject({
      'pegasus-workflows.toml': `\uFEFF${HELLO_MANIFEST.replaceAll('\n', '\r\n')}`,
      'demo/workflow.mmd': '\uFEFFflowchart TD\r\n  a --> b\r\n',
    });
    const { workflows } = await loadProject(dir);
    expect(workflows[0]!.manifest.diagram).toBe('flowchart TD\n  a --> b\n');
    expect(workflows[0]!.entryPoints[0]!.position).toEqual({ line: 4, column: 17 });
  });

  test('may be Python, several workflows, without activities, with activities elsewhere', async () => {
    const dir = await temporaryProject({
      'pegasus-workflows.toml': `${HELLO_MANIFEST}activities = "demo/side/effects"
[[workflow]]
name = "snake"
version = "0.1.0"
source_dir = "./py/"
entry_points = ["py.flows.main:SnakeWorkflow"]
`,
      'demo/side/effects.js': 'export async function greet() {}\n',
      'py/flows/main.py': 'class SnakeWorkflow:\n    pass\n',
      'py/workflow.mmd': 'flowchart TD\n  a --> b\n',
    });
    const [demo, snake] = (await loadProject(dir)).workflows;
    expect(demo!.activitiesModule).toBe('demo/side/effects.js');
    expect(snake).toMatchObject({ runtime: 'python', sourceDir: 'py' });
    expect(snake!.entryPoints[0]).toMatchObject({ module: 'py/flows/main', file: 'py/flows/main.py' });
    expect(snake).not.toHaveProperty('activitiesModule');
  });
});

describe('a manifest that cannot be read', () => {
  test('is missing', async () => {
    const dir = await temporaryProject({ 'pegasus-workflows.toml': undefined });
    expect(await problemsOf(dir)).toEqual([
      `pegasus-workflows.toml does not exist in ${dir} — run this in a project, give its folder with -C, or make one with \`pegasus-workflows init\``,
    ]);
  });

  test('is a folder', async () => {
    const dir = await temporaryProject({ 'pegasus-workflows.toml': undefined });
    await mkdir(path.join(dir, 'pegasus-workflows.toml'));
    expect(await problemsOf(dir)).toEqual([
      'pegasus-workflows.toml is not a file — make pegasus-workflows.toml a text file',
    ]);
  });

  test.skipIf(process.getuid?.() === 0)('may not be read', async () => {
    const dir = await temporaryProject();
    await chmod(path.join(dir, 'pegasus-workflows.toml'), 0);
    expect(await problemsOf(dir)).toEqual([
      'pegasus-workflows.toml cannot be read (EACCES) — check its permissions',
    ]);
  });

  test('is not UTF-8', async () => {
    const dir = await temporaryProject();
    await writeFile(path.join(dir, 'pegasus-workflows.toml'), Buffer.from([0x23, 0xff, 0xfe]));
    expect(await problemsOf(dir)).toEqual(['pegasus-workflows.toml is not UTF-8 text — save it as UTF-8']);
  });
});

/** What the manifest says → each problem, with its line and column. */
const BAD_MANIFESTS: Record<string, { toml: string; problems: (string | RegExp)[] }> = {
  'a syntax error': {
    toml: `${HELLO_MANIFEST}description = "open\n`,
    problems: [/^pegasus-workflows\.toml:5:\d+ is not valid TOML: .+ — mend the syntax of this line$/],
  },
  'a key given twice': {
    toml: WORKFLOW('version = "2.0.0"\n'),
    problems: [/^pegasus-workflows\.toml:5:\d+ is not valid TOML: /],
  },
  'nothing in it': {
    toml: '# later\n',
    problems: [
      'pegasus-workflows.toml declares no workflow — add a [[workflow]] table with name, version and entry_points',
    ],
  },
  'single brackets': {
    toml: '[workflow]\nname = "demo"\n',
    problems: [
      'pegasus-workflows.toml:1:1 `workflow` must be an array of tables — write [[workflow]] with two brackets',
    ],
  },
  'an unknown top-level table': {
    toml: `${HELLO_MANIFEST}\n[workflows]\na = 1\n`,
    problems: ['pegasus-workflows.toml:6:1 has the unknown key `workflows` — did you mean `[[workflow]]`?'],
  },
  'unknown keys': {
    toml: WORKFLOW('entrypoints = []\ncolour = "red"\n'),
    problems: [
      'pegasus-workflows.toml:5:1 [[workflow]] has the unknown key `entrypoints` — did you mean `entry_points`?',
      /^pegasus-workflows\.toml:6:1 \[\[workflow\]\] has the unknown key `colour` — remove it; the known keys are name, /,
    ],
  },
  'everything missing': {
    toml: '\n[[workflow]]\n',
    problems: [
      'pegasus-workflows.toml:2:1 `name` is missing — write name = "my-workflow"',
      'pegasus-workflows.toml:2:1 `version` is missing — write version = "1.0.0"',
      'pegasus-workflows.toml:2:1 `entry_points` is missing — write entry_points = ["<source_dir>/workflow:<export>"]',
    ],
  },
  'values of the wrong kind': {
    toml: WORKFLOW('timeout_seconds = "60"\ndescription = 5\nrequired_actions = "SendSms"\n'),
    problems: [
      /^pegasus-workflows\.toml:5:1 `timeout_seconds` must be a number, and is a string — use a whole number/,
      /^pegasus-workflows\.toml:6:1 `description` must be a string, and is a number — /,
      /^pegasus-workflows\.toml:7:1 `required_actions` must be a list, and is a string — /,
    ],
  },
  'values out of range': {
    toml: '[[workflow]]\nname = "Demo!"\nversion = "1.0"\nentry_points = []\nsource_dir = "demo"\ntimeout_seconds = 0\n',
    problems: [
      /^pegasus-workflows\.toml:2:1 `name` "Demo!" must be 1 to 64 lower-case letters/,
      /^pegasus-workflows\.toml:3:1 `version` "1\.0" must be a semantic version/,
      /^pegasus-workflows\.toml:4:1 `entry_points` must name at least one entry point/,
      /^pegasus-workflows\.toml:6:1 `timeout_seconds` must be at least 1, and is 0/,
    ],
  },
  'a timeout beyond the cap': {
    toml: WORKFLOW('timeout_seconds = 99999999\n'),
    problems: [/^pegasus-workflows\.toml:5:1 `timeout_seconds` must be at most 31622400 — /],
  },
  'an unknown action among several lines': {
    toml: WORKFLOW('required_actions = [\n  "SendSms", # fine\n  "ReadWorkflowSecrets",\n  "Fly",\n]\n'),
    problems: [
      'pegasus-workflows.toml:7:3 `required_actions[1]` "ReadWorkflowSecrets" is not a known action — did you mean "ReadWorkflowSecret"?',
      /^pegasus-workflows\.toml:8:3 `required_actions\[2\]` "Fly" is not a known action — use a list of action ids/,
    ],
  },
  'requirements that are wrong, inline and as tables': {
    toml: WORKFLOW(
      'required_secrets = [{ key = "1A" }]\n[[workflow.required_configs]]\nkey = "OK"\n[[workflow.required_configs]]\nkee = "B"\n',
    ),
    problems: [
      /^pegasus-workflows\.toml:5:23 `required_secrets\[0\]\.key` "1A" must start with a letter/,
      'pegasus-workflows.toml:8:1 `required_configs[1].key` is missing — write required_configs = [{ key = "REGION" }]',
      'pegasus-workflows.toml:9:1 `required_configs[1]` has the unknown key `kee` — did you mean `key`?',
    ],
  },
  'entry points that are none': {
    toml: '[[workflow]]\nname = "demo"\nversion = "1.0.0"\nentry_points = ["demo/workflow", "demo/workflow.ts:a", "../x:b", "demo/workflow:default", "other/workflow:c"]\n',
    problems: [
      /^pegasus-workflows\.toml:4:17 entry point "demo\/workflow" must be "<module path>:<export>" — write it as "demo\/workflow:helloWorkflow"$/,
      /^pegasus-workflows\.toml:4:34 entry point "demo\/workflow\.ts:a" must name its module without the file extension/,
      /^pegasus-workflows\.toml:4:56 entry point "\.\.\/x:b" must name its module by a relative path/,
      /^pegasus-workflows\.toml:4:66 entry point "demo\/workflow:default" names the default export/,
      'pegasus-workflows.toml:4:91 entry point "other/workflow:c" lies outside source_dir "demo" — move the module into demo/, or set source_dir',
    ],
  },
  'entry points that collide': {
    toml: '[[workflow]]\nname = "demo"\nversion = "1.0.0"\nentry_points = [\n  "demo/workflow:a",\n  "demo/other:a",\n  "demo.py:B",\n  "demo.flow:C",\n]\n',
    problems: [
      /^pegasus-workflows\.toml:6:3 entry point "demo\/other:a" repeats the export name "a"/,
      /^pegasus-workflows\.toml:7:3 entry point "demo\.py:B" is of another language than the first one/,
      /^pegasus-workflows\.toml:8:3 entry point "demo\.flow:C" is of another language than the first one/,
    ],
  },
  'two workflows of one name': {
    toml: `${HELLO_MANIFEST}${HELLO_MANIFEST}`,
    problems: [
      'pegasus-workflows.toml:6:1 workflow name "demo" is used twice — give each [[workflow]] a name of its own',
    ],
  },
  'a source folder outside, and one never packaged': {
    toml: `${WORKFLOW('source_dir = "../demo"\n')}[[workflow]]\nname = "b"\nversion = "1.0.0"\nentry_points = ["node_modules/b:c"]\nsource_dir = "node_modules"\n`,
    problems: [
      'pegasus-workflows.toml:5:1 `source_dir` "../demo" must be a folder below the project\'s root — use a relative path with "/"',
      'pegasus-workflows.toml:10:1 `source_dir` lies in "node_modules", which is never packaged — use another folder',
    ],
  },
  'a source folder that is not there': {
    toml: `${HELLO_MANIFEST.replaceAll('demo', 'demos')}`,
    problems: [
      'pegasus-workflows.toml:2:1 source folder "demos" does not exist — create demos/, or set source_dir to where the code is',
    ],
  },
  'files that are not there': {
    toml: '[[workflow]]\nname = "demo"\nversion = "1.0.0"\nentry_points = ["demo/workflow:a", "demo/nowhere:b"]\nactivities = "demo/acts"\n',
    problems: [
      'pegasus-workflows.toml:4:36 entry point module "demo/nowhere" does not exist — create demo/nowhere.ts, or correct the path',
      'pegasus-workflows.toml:5:1 activities module "demo/acts" does not exist — create demo/acts.ts, or correct the path',
    ],
  },
};

test.each(Object.entries(BAD_MANIFESTS))('a manifest with %s', async (_, { toml, problems }) => {
  const found = await problemsOf(await temporaryProject({ 'pegasus-workflows.toml': toml }));
  expect(found).toHaveLength(problems.length);
  problems.forEach((problem, index) => {
    if (typeof problem === 'string') expect(found[index]).toBe(problem);
    else expect(found[index]).toMatch(problem);
  });
});

test.each([
  [undefined, /^demo\/workflow\.mmd does not exist: a diagram is required to publish — draw/],
  [' \n\n', /^demo\/workflow\.mmd is empty: a diagram is required/],
  ['flowchart TD\n'.padEnd(50_001, ' '), /^demo\/workflow\.mmd has 50001 characters; the most is 50000/],
  ['x'.repeat(300_000), /^demo\/workflow\.mmd has 300000 bytes; the most is 50000 characters/],
])('a diagram that cannot be published', async (diagram, problem) => {
  const found = await problemsOf(await temporaryProject({ 'demo/workflow.mmd': diagram }));
  expect(found).toEqual([expect.stringMatching(problem)]);
});
