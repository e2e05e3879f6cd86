import { readFile, readdir } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { failureOf, Session } from './support/session.js';

let session: Session;
beforeAll(async () => {
  session = await Session.open();
});
afterAll(() => session[Symbol.asyncDispose]());

/** Parameters, whether each only reads, whether it may be repeated, whether it talks to anything but this machine. */
const TOOLS = {
  scaffold_workflow: { parameters: ['name', 'dest'], reads: false, repeats: false, open: false },
  validate_manifest: { parameters: ['path_or_toml'], reads: true, repeats: true, open: false },
  package_project: { parameters: ['project_dir'], reads: false, repeats: true, open: false },
  validate_integration_config: {
    parameters: ['integration_id', 'mapping', 'rules', 'corpus', 'base_url', 'token'],
    reads: true,
    repeats: true,
    open: true,
  },
  list_deployments: { parameters: ['project_dir'], reads: true, repeats: true, open: false },
  list_profiles: { parameters: [], reads: true, repeats: true, open: false },
};

describe('tools', () => {
  it('are six, with their parameters, schemas and annotations', async () => {
    const { tools } = await session.client.listTools();
    expect(tools.map(({ name }) => name)).toEqual(Object.keys(TOOLS));
    for (const tool of tools) {
      const { parameters, reads, repeats, open } = TOOLS[tool.name as keyof typeof TOOLS];
      expect(Object.keys(tool.inputSchema.properties ?? {})).toEqual(parameters);
      expect(tool.inputSchema.required ?? []).toEqual(parameters);
      expect(tool.inputSchema).toMatchObject({ type: 'object', additionalProperties: false });
      expect(tool.outputSchema).toMatchObject({ type: 'object' });
      expect(tool.annotations).toEqual({
        title: tool.title,
        readOnlyHint: reads,
        destructiveHint: false,
        idempotentHint: repeats,
        openWorldHint: open,
      });
      expect(tool.description?.length).toBeGreaterThan(100);
    }
  });

  it('that publish or run anything are not among them', async () => {
    const { tools } = await session.client.listTools();
    for (const { name } of tools) expect(name).not.toMatch(/push|publish|run|secret|signal|cancel/);
    await expect(session.client.callTool({ name: 'push' })).rejects.toMatchObject({
      code: -32602,
      message: expect.stringContaining('package_project'),
    });
  });

  it.each([
    ['package_project', {}, 'project_dir: '],
    ['package_project', { project_dir: 7 }, 'project_dir: '],
    ['list_profiles', { all: true }, 'unknown: all'],
    ['validate_manifest', { path_or_toml: '' }, 'path_or_toml: must not be empty'],
    ['scaffold_workflow', { name: 'a' }, 'dest: '],
    ['validate_integration_config', { integration_id: '../..' }, 'integration_id: must be'],
  ])('%s refuses the arguments %j', async (name, args, problem) => {
    const failure = failureOf(await session.call(name, args));
    expect(failure).toMatchObject({
      code: 'VALIDATION_ERROR',
      error: `The arguments of ${name} are not usable.`,
    });
    expect((failure['problems'] as string[]).join('\n')).toContain(problem);
  });
});

describe('scaffold_workflow', () => {
  it('makes the project that init makes', async () => {
    const dest = path.join(session.root, 'orders');
    const { isError, structured, texts } = await session.call('scaffold_workflow', {
      name: 'order-followup',
      dest,
    });
    expect(isError).toBe(false);
    expect(texts).toEqual([structured]);
    const { files, ...rest } = structured as { files: string[] };
    expect(rest).toEqual({
      name: 'order-followup',
      project_dir: dest,
      next: expect.arrayContaining(['npm install', 'npm test']),
    });
    expect(files).toContain('order-followup/workflow.ts');
    const there = await readdir(dest, { recursive: true, withFileTypes: true });
    const written = there
      .filter((entry) => entry.isFile())
      .map((entry) => path.relative(dest, path.join(entry.parentPath, entry.name)));
    expect(written.sort()).toEqual([...files].sort());
    expect(await readFile(path.join(dest, 'pegasus-workflows.toml'), 'utf8')).toContain(
      'name = "order-followup"',
    );
  });

  it('takes a relative place, and leaves nothing beside it', async () => {
    const { structured } = await session.call('scaffold_workflow', { name: 'demo', dest: 'below/demo' });
    expect(structured).toMatchObject({ project_dir: path.join(session.root, 'below/demo') });
    expect(await readdir(path.join(session.root, 'below'))).toEqual(['demo']);
  });

  it('touches nothing in a place that is not empty', async () => {
    await session.write({ 'full/mine.txt': 'mine' });
    const failure = failureOf(await session.call('scaffold_workflow', { name: 'demo', dest: 'full' }));
    expect(failure).toMatchObject({ code: 'CONFLICT', error: expect.stringContaining('is not empty') });
    expect(await readdir(path.join(session.root, 'full'))).toEqual(['mine.txt']);
  });
});

describe('validate_manifest', () => {
  const good = '[[workflow]]\nname = "demo"\nversion = "1.0.0"\nentry_points = ["demo/workflow:demo"]\n';

  it('finds nothing in a good text', async () => {
    const { structured, texts } = await session.call('validate_manifest', { path_or_toml: good });
    expect(structured).toEqual({
      valid: true,
      problems: [],
      workflows: [{ name: 'demo', version: '1.0.0' }],
    });
    expect(texts).toEqual([structured]);
  });

  it('tells every problem of a text with line, column and remedy', async () => {
    const { structured } = await session.call('validate_manifest', {
      path_or_toml: '[[workflow]]\nname = "Demo"\nverson = "1.0.0"\nentry_points = []\n',
    });
    expect(structured).toMatchObject({ valid: false, workflows: [] });
    const { problems } = structured as { problems: Record<string, unknown>[] };
    for (const problem of problems)
      expect(problem).toMatchObject({
        file: 'pegasus-workflows.toml',
        line: expect.any(Number),
        column: expect.any(Number),
        message: expect.any(String),
        fix: expect.any(String),
      });
    const told = problems.map(
      ({ line, message, fix }) => `${String(line)} ${String(message)}: ${String(fix)}`,
    );
    expect(told.join('\n')).toMatch(/^2 `name`[^]*^3 .*verson.*version[^]*^4 /m);
  });

  it('tells where a text is not TOML', async () => {
    const { structured } = await session.call('validate_manifest', { path_or_toml: '[[workflow]\nname = ' });
    expect(structured).toMatchObject({ valid: false, problems: [{ line: 1 }] });
  });

  it('looks at the files too when it is given a project, by its folder or its manifest', async () => {
    await session.write({ 'bare/pegasus-workflows.toml': good });
    for (const given of ['bare', 'bare/pegasus-workflows.toml', path.join(session.root, 'bare')]) {
      const { structured } = await session.call('validate_manifest', { path_or_toml: given });
      expect(structured).toMatchObject({
        valid: false,
        problems: [
          { file: 'pegasus-workflows.toml', line: 2, message: expect.stringContaining('does not exist') },
        ],
      });
    }
    const { structured } = await session.call('validate_manifest', {
      path_or_toml: await session.project('whole'),
    });
    expect(structured).toEqual({
      valid: true,
      problems: [],
      workflows: [{ name: 'whole', version: '1.0.0' }],
    });
  });

  it('reads no other file', async () => {
    await session.write({ 'bare/notes.toml': 'secret = "x"' });
    const failure = failureOf(await session.call('validate_manifest', { path_or_toml: './bare/notes.toml' }));
    expect(failure['error']).toContain('is not a project folder or a pegasus-workflows.toml');
  });
});

describe('list_deployments', () => {
  it('answers the ledger, as a list', async () => {
    const entry = [
      'base_url = "https://ada:hidden@pegasus.example.com"',
      'workflow_id = "5f0c2a4e-8f5b-4d57-9a35-0c8a3a2f7f11"',
      'version = "1.2.0"',
      'visibility = "TENANT"',
      'published_at = "2026-01-31T09:15:02.000Z"',
    ].join('\n');
    await session.write({ 'several/deployments.toml': `[prod.demo]\n${entry}\n[local]\n${entry}\n` });
    const { structured, texts } = await session.call('list_deployments', { project_dir: 'several' });
    const row = {
      base_url: 'https://pegasus.example.com/',
      workflow_id: '5f0c2a4e-8f5b-4d57-9a35-0c8a3a2f7f11',
      version: '1.2.0',
      visibility: 'TENANT',
      published_at: '2026-01-31T09:15:02.000Z',
    };
    const result = [
      { env: 'prod', workflow: 'demo', ...row },
      { env: 'local', workflow: null, ...row },
    ];
    expect(structured).toEqual({ result });
    expect(texts).toEqual([result]);
  });

  it('answers an empty list where nothing was published, and says where a ledger is broken', async () => {
    await session.write({ 'fresh/': '', 'broken/deployments.toml': 'a = \n' });
    expect((await session.call('list_deployments', { project_dir: 'fresh' })).texts).toEqual([[]]);
    const failure = failureOf(await session.call('list_deployments', { project_dir: 'broken' }));
    expect(failure).toMatchObject({ problems: [expect.stringMatching(/^deployments\.toml:1/)] });
    expect(failureOf(await session.call('list_deployments', { project_dir: 'none' }))).toMatchObject({
      code: 'NOT_FOUND',
    });
  });
});
