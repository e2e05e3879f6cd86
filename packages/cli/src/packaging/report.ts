import path from 'node:path';
import { type DiagramCheck } from '@pegasus-workflows/contracts';
import { type PackagedWorkflow } from '@pegasus-workflows/project/package';
import { type Context } from '../context.js';
import { formatBytes, formatDuration } from '../output/format.js';
import { type ReportedError } from '../output/report-error.js';
import { type ProjectWorkflow } from '@pegasus-workflows/project/manifest';

/** `✓ demo@1.0.0  41.3 KiB  sha256 0a1b2c3d4e5f  1.2 s  dist/demo-1.0.0.zip` */
export function packagedLine({ out, cwd }: Context, packaged: PackagedWorkflow): string {
  const { colors } = out;
  const facts = [
    formatBytes(packaged.sizeBytes),
    `sha256 ${packaged.sha256.slice(0, 12)}`,
    formatDuration(packaged.durationMs),
    path.relative(cwd, packaged.zipPath),
  ];
  const name = `${packaged.name}@${packaged.version}`;
  return `${colors.good('✓')} ${colors.strong(name)}  ${colors.quiet(facts.join('  '))}`;
}

/** What kept one workflow from going on; on standard error, like every failure. */
export function printFailure({ out }: Context, workflow: ProjectWorkflow, failure: ReportedError): void {
  const { bad, command } = out.noteColors;
  out.note(`${bad('✗')} ${workflow.name}@${workflow.version}  ${failure.error}`);
  for (const problem of failure.problems ?? []) out.note(`  - ${problem.replaceAll('\n', '\n    ')}`);
  if (failure.hint) out.note(`  ${command('next:')} ${failure.hint}`);
}

/** What a diagram and its code tell differently: warnings, as `--strict` makes them errors. */
export async function warnOfDiagram(
  { out }: Context,
  workflow: ProjectWorkflow,
  check: DiagramCheck,
): Promise<void> {
  if (check.verdict !== 'DIFFERS') return;
  const { diagramProblems } = await import('@pegasus-workflows/project/diagram');
  const { formatProblem } = await import('@pegasus-workflows/project');
  out.warn(`the diagram of ${workflow.name} differs from the code; --strict refuses that`);
  for (const problem of diagramProblems(check, `${workflow.sourceDir}/workflow.mmd`))
    out.note(`  - ${formatProblem(problem)}`);
}
