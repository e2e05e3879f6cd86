import type { DiagramOptions } from '../commands/diagram.js';
import { directory, type Program } from './program.js';

/** `diagram`: the picture of a workflow, written by a coding agent, drawn from the code, or checked against it. */
export function addDiagramCommand(program: Program): void {
  program
    .command('diagram')
    .summary('draw the diagram of a workflow, or check it against the code')
    .description(
      'Print a prompt with which your own coding agent writes <source_dir>/workflow.mmd; no model is called. --draw infers a flowchart from the code instead. --check compares the diagrams with the code; exit 2 when one differs.',
    )
    .addOption(directory())
    .option('-w, --workflow <name>', 'one workflow of the project (default: each of them)')
    .option('-o, --output <file>', 'write the prompt or the drawing to a file')
    .option('--draw', 'a Mermaid flowchart of what the code does')
    .option('--write', 'with --draw: write it to <source_dir>/workflow.mmd')
    .option('--force', 'with --write: replace a diagram that a person wrote')
    .option('--check', 'compare each diagram with the code')
    .action(
      program.running(async (context, options: DiagramOptions) =>
        (await import('../commands/diagram.js')).diagram(context, options),
      ),
    );
}
