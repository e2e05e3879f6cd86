import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { ESLint } from 'eslint';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCommandLine } from '../../packages/cli/dist/main.js';
import { Projects } from './project.js';

let projects: Projects;
beforeAll(async () => {
  projects = await Projects.make();
});
afterAll(() => projects?.[Symbol.asyncDispose]());

const TEMPLATES = ['hello', 'event', 'schedule', 'approval', 'agent', 'dispatch'].map(
  (name) => `my-${name}_2`,
);

it('covers every template', () => {
  expect(projects.names).toEqual(TEMPLATES);
});

it("every template's own tests pass", async () => {
  // One process for all of them, two at a time: each starts a Temporal test server.
  const config = `export default { test: { projects: ['my-*/vitest.config.ts'], pool: 'forks', maxWorkers: 2 } };\n`;
  await writeFile(path.join(projects.terminal.root, 'vitest.config.mjs'), config);
  const { code, stdout, stderr } = await projects.tool('vitest', ['run', '--reporter=json']);
  expect(code, stdout + stderr).toBe(0);
  const { testResults } = JSON.parse(stdout) as { testResults: { assertionResults: unknown[] }[] };
  expect(testResults).toHaveLength(TEMPLATES.length);
}, 600_000);

it('every template is well typed', async () => {
  // One program for all of them: their compiler options are the shared ones.
  const config = {
    extends: `./${TEMPLATES[0]}/tsconfig.json`,
    include: TEMPLATES.flatMap((name) => [`${name}/${name}`, `${name}/test`, `${name}/vitest.config.ts`]),
  };
  await writeFile(path.join(projects.terminal.root, 'all.json'), JSON.stringify(config));
  expect(await projects.tool('tsc', ['-p', 'all.json'])).toEqual({ code: 0, stdout: '', stderr: '' });
}, 300_000);

describe.each(TEMPLATES)('%s', (name) => {
  it('has no placeholder left and only dependencies that can be had', async () => {
    const { stdout } = await projects.terminal.run(['init', name, '--dir', `${name}-listed`, '--json',
      '--template', name.slice('my-'.length, -'_2'.length)]); // prettier-ignore
    const { files } = JSON.parse(stdout) as { files: string[] };
    const texts = await Promise.all(
      files.map((file) => readFile(path.join(projects.dir(name), file), 'utf8')),
    );
    expect(files.concat(texts).join('\n')).not.toMatch(/__[a-z]+[A-Za-z]*__/);
    expect(files).toEqual(
      expect.arrayContaining([
        '.gitignore',
        'AGENTS.md',
        'README.md',
        'eslint.config.js',
        `${name}/workflow.mmd`,
        `${name}/workflow.ts`,
        'package.json',
        'pegasus-workflows.toml',
        `test/${name}.test.ts`,
        'tsconfig.json',
      ]),
    );
  });

  it('has no lint problem, and what would break a run is flagged at its line', async () => {
    const eslint = new ESLint({ cwd: projects.dir(name) });
    const results = await eslint.lintFiles(['.']);
    expect(results.length).toBeGreaterThan(4);
    expect(
      results.flatMap(({ messages, filePath }) => messages.map((one) => ({ filePath, ...one }))),
    ).toEqual([]);

    const file = path.join(projects.dir(name), name, 'workflow.ts');
    const text = await readFile(file, 'utf8');
    const seeded = `${text}\nexport async function seeded() {\n  fetch('/');\n  throw new Error(process.cwd());\n}\n`;
    const [result] = await eslint.lintText(seeded, { filePath: file });
    const first = text.split('\n').length + 1;
    expect(result?.messages.map(({ ruleId, line }) => [ruleId, line - first])).toEqual([
      ['pegasus-workflows/no-nondeterministic-globals', 1],
      ['pegasus-workflows/no-throw-plain-error', 2],
      ['pegasus-workflows/no-nondeterministic-globals', 2],
    ]);
    // The same beside the activities is theirs to do.
    const [allowed] = await eslint.lintText('export const here = () => process.cwd();\n', {
      filePath: path.join(projects.dir(name), name, 'activities/here.ts'),
    });
    expect(allowed?.messages).toEqual([]);
  }, 300_000);

  /** The command line in this process, so that the bundler and Mermaid are loaded once for all. */
  async function inProject(...args: string[]): Promise<unknown> {
    let said = '';
    const code = await runCommandLine([...args, '--json'], {
      env: projects.terminal.env,
      cwd: projects.dir(name),
      stdout: { write: (text: string) => (said += text) },
      stderr: { write: () => true },
    });
    expect(code, said).toBe(0);
    return JSON.parse(said);
  }

  it('is packaged', async () => {
    expect(await inProject('package')).toEqual([expect.objectContaining({ name, version: '1.0.0' })]);
  }, 300_000);

  it('has a diagram that shows every activity, signal and child of the code', async () => {
    expect(await inProject('diagram', '--check')).toMatchObject([{ name, verdict: 'MATCHES' }]);
  }, 300_000);
});
