import path from 'node:path';
import { PegasusError } from '@pegasus-workflows/contracts';
import type { Problem, Project } from '@pegasus-workflows/project';
import { z } from 'zod';
import { confineProject, MANIFEST } from '../paths/project.js';
import { defineTool, type ToolCall } from './tool.js';

const problemSchema = z.object({
  file: z.string().describe('Relative to the project; "pegasus-workflows.toml" for TOML text.'),
  line: z.number().int().optional().describe('From 1.'),
  column: z.number().int().optional().describe('From 1.'),
  message: z.string(),
  fix: z.string().describe('What to do about it.'),
});

export const validateManifest = defineTool({
  name: 'validate_manifest',
  title: 'Check a manifest',
  description: [
    'Checks a pegasus-workflows.toml by the rules that publishing has, and lists every problem with file, line, column and what to do.',
    'Use it after each change of the manifest, before package_project. Given a path, it also checks that the files the manifest names are there (source folder, entry point modules, diagram); given TOML text, the text alone.',
    'pegasus://reference/manifest has every key. The code itself is checked by package_project.',
  ].join(' '),
  annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false },
  input: z.strictObject({
    path_or_toml: z
      .string()
      .min(1, 'must not be empty')
      .describe(
        'Path of a project folder or of its pegasus-workflows.toml, or the text of a manifest. What has a line break, or a "=" or "[" without looking like a path, is text.',
      ),
  }),
  output: z.object({
    valid: z.boolean(),
    problems: z.array(problemSchema),
    workflows: z
      .array(z.object({ name: z.string(), version: z.string() }))
      .describe('The workflows whose own table has no problem.'),
  }),
  async run({ path_or_toml: given }, call) {
    const { problems, workflows } = isText(given) ? await checkText(given) : await checkProject(given, call);
    const named = workflows.map(({ name, version }) => ({ name, version }));
    return {
      structured: { valid: problems.length === 0, problems: problems.map(plain), workflows: named },
    };
  },
});

interface Checked {
  problems: readonly Problem[];
  workflows: readonly { name: string; version: string }[];
}

/** No TOML starts like a path, and no path is more than a line. */
function isText(given: string): boolean {
  if (/[\r\n]/.test(given)) return true;
  const start = given.trimStart();
  if (/^(?:[./~\\]|[A-Za-z]:[\\/])/.test(start) || start.endsWith(MANIFEST)) return false;
  return /[=[\]#]/.test(start);
}

async function checkText(text: string): Promise<Checked> {
  const { readManifest } = await import('@pegasus-workflows/project/manifest');
  const { ProjectError } = await import('@pegasus-workflows/project');
  const { problems, specs } = readManifest(text, MANIFEST);
  // In the order of lines, without repeats: as every other command tells them.
  return { problems: new ProjectError(problems).details, workflows: specs.map(({ declared }) => declared) };
}

async function checkProject(given: string, { paths }: ToolCall): Promise<Checked> {
  const isFile = path.basename(given) === MANIFEST;
  if (!isFile && /\.[A-Za-z0-9]+$/.test(path.basename(given)))
    throw new PegasusError(
      'VALIDATION_ERROR',
      `path_or_toml "${given}" is not a project folder or a ${MANIFEST}.`,
      {
        hint: 'To have any other text checked, give the text itself.',
      },
    );
  const folder = await paths.folder('path_or_toml', isFile ? path.dirname(given) : given);
  await confineProject(folder);
  const { loadProject } = await import('@pegasus-workflows/project/manifest');
  const { ProjectError } = await import('@pegasus-workflows/project');
  let project: Project;
  try {
    project = await loadProject(folder);
  } catch (error) {
    if (error instanceof ProjectError) return { problems: error.details, workflows: [] };
    throw error;
  }
  return { problems: [], workflows: project.workflows };
}

function plain({ file, line, column, message, fix }: Problem): z.input<typeof problemSchema> {
  return {
    file,
    ...(line === undefined ? {} : { line }),
    ...(column === undefined ? {} : { column }),
    message,
    fix,
  };
}
