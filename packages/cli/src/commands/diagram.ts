import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { PegasusError } from '@pegasus-workflows/contracts';
import { drawDiagram, isDrawnDiagram, sourceReader } from '@pegasus-workflows/project/diagram';
import { loadProject, type Project, type ProjectWorkflow } from '@pegasus-workflows/project/manifest';
import { type Context } from '../context.js';
import { type Inspection, inspectDiagram } from '../diagram/inspect.js';
import { diagramPrompt } from '../diagram/prompt.js';
import { verdictLine } from '../diagram/verdict.js';
import { unwritable } from '../files/file-errors.js';
import { writeAtomically } from '../files/write-atomically.js';
import { renderTable } from '../output/table.js';
import { locateProject } from '../project/locate.js';
import { workflowNamed } from '../project/workflow-named.js';

export interface DiagramOptions {
  dir?: string;
  workflow?: string;
  output?: string;
  draw?: boolean;
  write?: boolean;
  force?: boolean;
  check?: boolean;
}

/** What `--check` ends with when a diagram differs, is missing or does not parse. */
const DIFFERS = 2;

/** The prompt, or with a flag the drawing or the verdict. @returns 0, or 2 when `--check` found something */
export async function diagram(context: Context, options: DiagramOptions): Promise<number> {
  refuseContradictions(options);
  const root = await locateProject(context, options);
  const project = await loadProject(root, { withoutDiagrams: true });
  const workflows =
    options.workflow === undefined ? project.workflows : [workflowNamed(project, options.workflow)];
  if (options.check) return check(context, project, workflows);
  if (options.draw) await draw(context, project, workflows, options);
  else await prompt(context, project, workflows, options);
  return 0;
}

function refuseContradictions({
  draw: drawing,
  check: checking,
  write,
  force,
  output,
}: DiagramOptions): void {
  const wrong =
    checking && (drawing || output !== undefined)
      ? '--check goes with neither --draw nor --output.'
      : write && !drawing
        ? '--write goes with --draw.'
        : force && !write
          ? '--force goes with --write.'
          : write && output !== undefined
            ? '--write and --output name two places.'
            : undefined;
  if (wrong !== undefined)
    throw new PegasusError('VALIDATION_ERROR', wrong, { hint: 'See: pegasus-workflows diagram --help' });
}

async function check(
  context: Context,
  project: Project,
  workflows: readonly ProjectWorkflow[],
): Promise<number> {
  const { out } = context;
  const inspected: Inspection[] = [];
  for (const workflow of workflows) inspected.push(await inspectDiagram(project, workflow));
  for (const one of inspected) printInspection(context, one);
  out.result(
    inspected.map(({ workflow, file, state, check: found, problems }) => ({
      name: workflow.name,
      version: workflow.version,
      diagram: file,
      ...found,
      ...(state === 'ABSENT' || state === 'INVALID' ? { problems } : {}),
    })),
  );
  return inspected.some(({ state }) => state !== 'MATCHES' && state !== 'UNCHECKED') ? DIFFERS : 0;
}

function printInspection(
  { out }: Context,
  { workflow, file, state, check: found, problems }: Inspection,
): void {
  const { bad, strong, quiet } = out.colors;
  const title = `${strong(workflow.name)}  ${quiet(file)}`;
  if (state === 'ABSENT' || state === 'INVALID') {
    out.line(`${bad('✗')} ${title}`);
    for (const problem of problems) out.line(`  - ${problem}`);
    return;
  }
  out.line(title);
  out.line(`  ${verdictLine(found, out.colors)}`);
  if (state !== 'DIFFERS') return;
  const rows = [
    ...found.missing.map(({ kind, name, file: at, line }) => [
      'not in the diagram',
      kind,
      name,
      `${at}:${line}`,
    ]),
    ...found.unknown.map(({ name, line }) => [
      'not in the code',
      'node',
      name,
      line === undefined ? file : `${file}:${line}`,
    ]),
  ];
  const columns = [
    { title: 'finding' },
    { title: 'kind' },
    { title: 'name', keep: true },
    { title: 'where', keep: true },
  ];
  for (const line of renderTable(columns, rows, out.width - 2)) out.line(`  ${line}`);
  out.note(
    `${out.noteColors.command('next:')} name the step in the diagram, or draw it anew: pegasus-workflows diagram --draw -w ${workflow.name}`,
  );
}

async function draw(
  context: Context,
  project: Project,
  workflows: readonly ProjectWorkflow[],
  { write, force, output }: DiagramOptions,
): Promise<void> {
  const { out } = context;
  const read = sourceReader(project.dir);
  const drawn = workflows.map((workflow) => {
    if (workflow.runtime !== 'typescript')
      throw new PegasusError(
        'VALIDATION_ERROR',
        `Workflow "${workflow.name}" is Python, which is not read.`,
        {
          hint: `Have your coding agent draw it: pegasus-workflows diagram -w ${workflow.name}`,
        },
      );
    const { entryPoints, activitiesModule } = workflow;
    return { workflow, text: drawDiagram({ entryPoints, activitiesModule, read }) };
  });
  const targets = drawn.map(({ workflow }) => ({
    file: path.join(project.dir, workflow.sourceDir, 'workflow.mmd'),
    name: workflow.name,
  }));
  if (write && !force) await refuseHandWritten(targets);
  for (const [index, { workflow, text }] of drawn.entries()) {
    if (write) await writeWhole(context, targets[index]!.file, text);
    else if (output === undefined) out.line(text.trimEnd());
    else await writeWhole(context, ownFile(context, output, drawn.length, workflow.name), text);
  }
  out.result(
    drawn.map(({ workflow, text }, index) => ({
      name: workflow.name,
      version: workflow.version,
      diagram: text,
      ...(write ? { writtenTo: targets[index]!.file } : {}),
    })),
  );
}

/** Nothing is written when one of the diagrams would be lost. */
async function refuseHandWritten(targets: readonly { file: string; name: string }[]): Promise<void> {
  for (const { file, name } of targets) {
    if (!existsSync(file) || isDrawnDiagram(await readFile(file, 'utf8'))) continue;
    throw new PegasusError('CONFLICT', `${file} was written or edited by a person; nothing was written.`, {
      hint: `Look at the drawing first: pegasus-workflows diagram --draw -w ${name}. Replace it with --write --force.`,
    });
  }
}

async function prompt(
  context: Context,
  project: Project,
  workflows: readonly ProjectWorkflow[],
  { output }: DiagramOptions,
): Promise<void> {
  const { out, cwd } = context;
  const prompts: { name: string; version: string; output: string; prompt: string }[] = [];
  for (const workflow of workflows) {
    const { file, state, problems } = await inspectDiagram(project, workflow);
    const target = path.join(project.dir, file);
    const at = path.relative(cwd, project.dir);
    const command = `pegasus-workflows diagram --check -w ${workflow.name}${at === '' ? '' : ` -C ${at}`}`;
    const sources = [...workflow.entryPoints.map((entry) => entry.file), workflow.activitiesModule];
    const text = diagramPrompt({
      workflow,
      output: target,
      sources: [...new Set(sources.filter((one) => one !== undefined))].map((one) =>
        path.join(project.dir, one),
      ),
      findings: state === 'ABSENT' ? [] : problems,
      verdict: state === 'INVALID' ? 'DIFFERS' : state,
      command,
    });
    prompts.push({ name: workflow.name, version: workflow.version, output: target, prompt: text });
  }
  for (const one of prompts) {
    if (output === undefined) out.line(one.prompt.trimEnd());
    else await writeWhole(context, ownFile(context, output, prompts.length, one.name), one.prompt);
  }
  out.result(prompts);
}

function ownFile({ cwd }: Context, output: string, count: number, name: string): string {
  if (count === 1) return path.resolve(cwd, output);
  throw new PegasusError(
    'VALIDATION_ERROR',
    'The project has several workflows, and --output names one file.',
    {
      hint: `Choose one: -w ${name}`,
    },
  );
}

async function writeWhole({ out, cwd }: Context, file: string, text: string): Promise<void> {
  try {
    await writeAtomically(file, text, { name: 'cli.diagram' });
  } catch (error) {
    throw unwritable(file, error, 'Choose another file with -o.');
  }
  out.note(out.noteColors.quiet(`wrote ${path.relative(cwd, file)}`));
}
