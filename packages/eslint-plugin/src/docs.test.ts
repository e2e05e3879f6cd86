import { fileURLToPath } from 'node:url';
import { readFile } from 'node:fs/promises';
import { Linter } from 'eslint';
import { format, resolveConfig } from 'prettier';
import tseslint from 'typescript-eslint';
import { expect, test } from 'vitest';
import plugin from './index.js';

const DOCS = new URL('../../../docs/lint/', import.meta.url);
const names = Object.keys(plugin.rules) as (keyof typeof plugin.rules)[];

const INTRODUCTION = `# Lint rules for workflow code

\`eslint-plugin-pegasus-workflows\` flags in the editor what would break a run. It needs no type information. A new project has it set up; elsewhere:

\`\`\`js
// eslint.config.js
import { defineConfig } from 'eslint/config';
import pegasusWorkflows from 'eslint-plugin-pegasus-workflows';

export default defineConfig(pegasusWorkflows.configs.recommended);
\`\`\`

The preset is for workflow code alone: files named \`workflow.ts\` and everything below a folder \`workflows\` (\`.js\`, \`.mts\` and \`.mjs\` too), tests left out.
Where that code is elsewhere, say so: \`{ ...pegasusWorkflows.configs.recommended, files: ['src/flows/**/*.ts'] }\`.
`;

function index(): string {
  const rows = names.map((name) => {
    const { type, docs, fixable, hasSuggestions } = plugin.rules[name].meta!;
    const severity = type === 'suggestion' ? 'warning' : 'error';
    const help = fixable ? 'by \`--fix\`' : hasSuggestions ? 'suggested' : '';
    return `| [${name}](${name}.md) | ${docs?.description} | ${severity} | ${help} |`;
  });
  return `${INTRODUCTION}\n| rule | what | level | mended |\n| --- | --- | --- | --- |\n${rows.join('\n')}\n`;
}

test('the index of the rules is what the rules say of themselves', async () => {
  const page = fileURLToPath(new URL('index.md', DOCS));
  const style = await resolveConfig(page);
  await expect(await format(index(), { ...style, parser: 'markdown' })).toMatchFileSnapshot(page);
});

test.each(names)('%s has a page with its name, its description, wrong and right code', async (name) => {
  const page = await readFile(new URL(`${name}.md`, DOCS), 'utf8');
  expect(page).toContain(`# ${name}\n\n${plugin.rules[name].meta?.docs?.description}.\n`);
  expect(lint(code(page, 'Wrong')).filter((rule) => rule === `pegasus-workflows/${name}`)).not.toEqual([]);
  expect(lint(code(page, 'Right'))).toEqual([]);
});

/** The TypeScript under a heading of the page. */
function code(page: string, heading: string): string {
  const found = new RegExp(`^## ${heading}\n\n\`\`\`ts\n([^]*?)\`\`\``, 'm').exec(page)?.[1];
  expect(found, heading).toBeTypeOf('string');
  return found!;
}

function lint(text: string): (string | null)[] {
  const config = [
    { languageOptions: { parser: tseslint.parser as Linter.Parser }, ...plugin.configs.recommended },
  ];
  return new Linter()
    .verify(text, config, 'demo/workflow.ts')
    .map(({ ruleId, message }) => ruleId ?? message);
}

test('the preset is for workflow code alone', () => {
  const config = [
    { languageOptions: { parser: tseslint.parser as Linter.Parser }, ...plugin.configs.recommended },
  ];
  const problems = (file: string): number =>
    new Linter().verify('process.exit();', config, { filename: file }).filter(({ ruleId }) => ruleId).length;
  expect(['demo/workflow.ts', 'src/workflows/order/steps.ts', 'workflow.mjs'].map(problems)).toEqual([
    1, 1, 1,
  ]);
  expect(
    ['demo/activities.ts', 'test/workflow.ts', 'src/workflows/order.test.ts', 'x.ts'].map(problems),
  ).toEqual([0, 0, 0, 0]);
});
