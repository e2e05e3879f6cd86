import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { LIMITS, type Manifest } from '@pegasus-workflows/contracts';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { closeDiagrams } from '../diagram/index.js';
import { writeZip } from '../package/write-zip.js';
import { HELLO_FILES, temporaryProject } from '../testing/temporary-project.js';
import { ArtifactProblems, type VerifiedArtifact } from './problems.js';
import { verifyArtifact } from './verify-artifact.js';

// Starting Mermaid takes seconds on a busy machine.
vi.setConfig({ testTimeout: 90_000 });
afterAll(closeDiagrams);

const DESCRIPTOR = {
  format: 1,
  runtime: 'typescript',
  name: 'demo',
  version: '1.0.0',
  workflowType: 'helloWorkflow',
  hasActivities: true,
  temporalSdkVersion: '1.24.0',
};
const GOOD: Record<string, string> = {
  ...HELLO_FILES,
  '.pegasus/artifact.json': JSON.stringify(DESCRIPTOR),
  '.pegasus/workflows.js': 'bundle',
  '.pegasus/activities.cjs': 'bundle',
};
const MANIFEST: Manifest = {
  name: 'demo',
  version: '1.0.0',
  entryPoints: ['demo/workflow:helloWorkflow'],
  diagram: HELLO_FILES['demo/workflow.mmd'],
};

interface Case {
  files?: Record<string, string | undefined>;
  manifest?: Partial<Manifest>;
  sizeBytes?: number;
}

async function verify({ files, manifest, sizeBytes }: Case = {}): Promise<VerifiedArtifact> {
  const present = Object.entries({ ...GOOD, ...files }).filter(([, text]) => text !== undefined);
  const zip = writeZip(new Map(present.map(([file, text]) => [file, Buffer.from(text!)])));
  const file = path.join(await temporaryProject({}, { base: {} }), 'artifact.zip');
  await writeFile(file, zip);
  return verifyArtifact(file, { manifest: { ...MANIFEST, ...manifest }, sizeBytes: sizeBytes ?? zip.length });
}

async function problemsOf(given: Case): Promise<string[]> {
  const error = await verify(given).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(ArtifactProblems);
  expect(error).toMatchObject({ code: 'ARTIFACT_INVALID', tooLarge: false });
  return (error as ArtifactProblems).problems;
}

describe('an artifact that is right', () => {
  test('is executable', async () => {
    expect(await verify()).toEqual({
      executable: true,
      diagramCheck: { verdict: 'MATCHES', missing: [], unknown: [] },
      workflowType: 'helloWorkflow',
      descriptor: DESCRIPTOR,
      sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
      sizeBytes: expect.any(Number),
    });
  });

  test('may be Python: not executable, and verified all the same', async () => {
    const toml =
      '[[workflow]]\nname = "demo"\nversion = "1.0.0"\nentry_points = ["demo.workflow:HelloWorkflow"]\n';
    const python = {
      'pegasus-workflows.toml': toml,
      'demo/workflow.py': '@workflow.defn\nclass HelloWorkflow:\n    pass\n',
      '.pegasus/artifact.json': undefined,
      '.pegasus/workflows.js': undefined,
      '.pegasus/activities.cjs': undefined,
    };
    const manifest = { entryPoints: ['demo.workflow:HelloWorkflow'] };
    expect(await verify({ files: python, manifest })).toMatchObject({
      executable: false,
      workflowType: null,
      descriptor: null,
    });
    expect(await problemsOf({ files: { ...python, 'demo/workflow.py': 'x = 1\n' }, manifest })).toEqual([
      'Entry point "demo.workflow:HelloWorkflow": demo/workflow.py does not define "HelloWorkflow"; define class HelloWorkflow there, or correct the entry point.',
    ]);
  });

  test('may differ where it makes no difference: line ends, empty lists, the default group', async () => {
    const toml = `${GOOD['pegasus-workflows.toml']!}required_actions = []\nrequired_secrets = [{ key = "A" }]\n`;
    const given = {
      files: {
        'pegasus-workflows.toml': `\uFEFF${toml.replaceAll('\n', '\r\n')}`,
        'demo/workflow.mmd': '\uFEFFflowchart TD\r\n  start --> greet\r\n',
      },
      manifest: { requiredSecrets: [{ key: 'A', group: 'global' }] },
    };
    await expect(verify(given)).resolves.toMatchObject({ executable: true });
  });

  test('may export its entry point from another module, or as the result of a call', async () => {
    const files = {
      'demo/workflow.ts': "export * from './flows/index.js';\n",
      'demo/flows/index.ts': "export { inner as helloWorkflow } from './inner.js';\n",
      'demo/flows/inner.ts': 'export const inner = wrap(async () => 1);\n',
    };
    await expect(verify({ files })).resolves.toMatchObject({ workflowType: 'helloWorkflow' });
  });
});

const BAD: Record<string, Case & { problem: string | RegExp }> = {
  'no manifest': {
    files: { 'pegasus-workflows.toml': undefined },
    problem: 'The artifact has no readable pegasus-workflows.toml at its root.',
  },
  'a manifest that does not parse': {
    files: { 'pegasus-workflows.toml': '[[workflow' },
    problem: /^pegasus-workflows\.toml:1:\d+ is not valid TOML/,
  },
  'a manifest without this workflow': {
    files: { 'pegasus-workflows.toml': GOOD['pegasus-workflows.toml']!.replace('"demo"', '"other"') },
    problem: 'pegasus-workflows.toml in the artifact declares no workflow "demo".',
  },
  'a manifest of another version': {
    manifest: { version: '1.0.1' },
    problem:
      'Manifest field "version" is "1.0.1", but `version` in the artifact\'s pegasus-workflows.toml is "1.0.0".',
  },
  'a manifest of more actions': {
    manifest: { requiredActions: ['SendSms'] },
    problem:
      'Manifest field "requiredActions" is ["SendSms"], but `required_actions` in the artifact\'s pegasus-workflows.toml is absent.',
  },
  'a manifest of another timeout': {
    manifest: { timeoutSeconds: 5 },
    problem: /^Manifest field "timeoutSeconds" is 5/,
  },
  'a manifest of another diagram': {
    manifest: { diagram: 'flowchart TD\n  other' },
    problem: 'Manifest field "diagram" is unlike demo/workflow.mmd in the artifact.',
  },
  'no diagram': {
    files: { 'demo/workflow.mmd': undefined },
    problem: 'The artifact has no diagram demo/workflow.mmd.',
  },
  'an empty diagram': {
    files: { 'demo/workflow.mmd': '\n' },
    problem: /^Diagram demo\/workflow\.mmd is empty/,
  },
  'a long diagram': {
    files: { 'demo/workflow.mmd': 'flowchart TD'.padEnd(50_001) },
    problem: /^Diagram demo\/workflow\.mmd has 50001 characters; the most is 50000/,
  },
  'a diagram that is not Mermaid': {
    files: { 'demo/workflow.mmd': 'hello' },
    problem: /^Diagram demo\/workflow\.mmd:1:1 is not Mermaid/,
  },
  'no entry point module': {
    files: { 'demo/workflow.ts': undefined },
    problem: 'Entry point "demo/workflow:helloWorkflow": module demo/workflow is not in the artifact.',
  },
  'an entry point that is not exported': {
    files: { 'demo/workflow.ts': 'async function helloWorkflow() {}\n' },
    problem:
      /^Entry point "demo\/workflow:helloWorkflow": demo\/workflow\.ts does not export "helloWorkflow"/,
  },
  'an entry point that is no function': {
    files: { 'demo/workflow.ts': 'export const helloWorkflow = { run() {} };\n' },
    problem: /"helloWorkflow" of demo\/workflow\.ts is an object, not a function/,
  },
  'no descriptor': {
    files: { '.pegasus/artifact.json': undefined },
    problem: 'The artifact has no .pegasus/artifact.json; build it with `pegasus-workflows package`.',
  },
  'a descriptor that is no JSON': {
    files: { '.pegasus/artifact.json': '{' },
    problem: '.pegasus/artifact.json is not JSON.',
  },
  'a descriptor nested too deeply': {
    files: { '.pegasus/artifact.json': '['.repeat(100_000) + ']'.repeat(100_000) },
    problem: /^\.pegasus\/artifact\.json is not/,
  },
  'a descriptor of another format': {
    files: { '.pegasus/artifact.json': JSON.stringify({ ...DESCRIPTOR, format: 2 }) },
    problem: /^\.pegasus\/artifact\.json is not a descriptor of format 1: format: /,
  },
  'a descriptor of another version': {
    files: { '.pegasus/artifact.json': JSON.stringify({ ...DESCRIPTOR, version: '9.9.9' }) },
    problem: '.pegasus/artifact.json has version "9.9.9", but it must be "1.0.0".',
  },
  'a descriptor of another workflow type': {
    files: { '.pegasus/artifact.json': JSON.stringify({ ...DESCRIPTOR, workflowType: 'evil' }) },
    problem: '.pegasus/artifact.json has workflowType "evil", but it must be "helloWorkflow".',
  },
  'no workflow bundle': {
    files: { '.pegasus/workflows.js': undefined },
    problem: 'The artifact has no workflow bundle .pegasus/workflows.js.',
  },
  'an activity bundle that is announced and missing': {
    files: { '.pegasus/activities.cjs': undefined },
    problem: '.pegasus/artifact.json says hasActivities true, but .pegasus/activities.cjs is missing.',
  },
};

test.each(Object.entries(BAD))('refuses %s', async (_, { problem, ...given }) => {
  const problems = await problemsOf(given);
  expect(problems).toHaveLength(1);
  if (typeof problem === 'string') expect(problems[0]).toBe(problem);
  else expect(problems[0]).toMatch(problem);
});

test('refuses a size unlike the announced one', async () => {
  expect((await problemsOf({ sizeBytes: 7 }))[0]).toMatch(/^The artifact is \d+ bytes, but 7 were announced/);
});

test('refuses one byte too many by its size alone', async () => {
  const file = path.join(await temporaryProject({}, { base: {} }), 'large.zip');
  await writeFile(file, Buffer.alloc(LIMITS.artifactBytes + 1));
  const refused = verifyArtifact(file, { manifest: MANIFEST, sizeBytes: LIMITS.artifactBytes + 1 });
  await expect(refused).rejects.toMatchObject({
    code: 'ARTIFACT_TOO_LARGE',
    tooLarge: true,
    problems: ['The artifact is 26214401 bytes; the most is 26214400 (25 MiB).'],
  });
});

test('lists problems of every kind at once', async () => {
  const problems = await problemsOf({
    files: { 'demo/workflow.mmd': 'hello', 'demo/workflow.ts': '', '.pegasus/workflows.js': '' },
    manifest: { description: 'other' },
  });
  expect(problems).toHaveLength(4);
});
