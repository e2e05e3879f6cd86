import { type Program } from './program.js';

/** `executions …`: what became of runs, and what can be done to them. */
export function addExecutionCommands(program: Program): void {
  const executions = program
    .command('executions')
    .description('Runs of a workflow: list, show, watch, cancel, retry.');
  executions
    .command('list')
    .description('Runs, newest first.')
    .argument('<workflow>', 'name, name@version or id')
    .option('--limit <n>', 'how many', '20')
    .option('--before <execution>', 'only older ones than this')
    .action(
      program.running(async (context, workflow: string, options: { limit: string; before?: string }) =>
        (await import('../commands/executions.js')).list(context, workflow, options),
      ),
    );
  executions
    .command('show')
    .description('Input, result, error and timeline of one run.')
    .argument('<workflow>', 'name, name@version or id')
    .argument('<execution>', 'id of the run')
    .action(
      program.running(async (context, workflow: string, execution: string) =>
        (await import('../commands/executions.js')).show(context, workflow, execution),
      ),
    );
  executions
    .command('watch')
    .description('The timeline of a run as it happens, until it ends; exit 1 unless it COMPLETED.')
    .argument('<workflow>', 'name, name@version or id')
    .argument('[execution]', 'id of the run (default: the newest)')
    .action(
      program.running(async (context, workflow: string, execution: string | undefined) =>
        (await import('../commands/executions.js')).watch(context, workflow, execution),
      ),
    );
  executions
    .command('cancel')
    .description('Ask a run to stop; its code may clean up first.')
    .argument('<workflow>', 'name, name@version or id')
    .argument('<execution>', 'id of the run')
    .action(
      program.running(async (context, workflow: string, execution: string) =>
        (await import('../commands/executions.js')).cancel(context, workflow, execution),
      ),
    );
  executions
    .command('retry')
    .description('A new run with the input of one that failed, timed out or was cancelled.')
    .argument('<workflow>', 'name, name@version or id')
    .argument('<execution>', 'id of the run')
    .action(
      program.running(async (context, workflow: string, execution: string) =>
        (await import('../commands/executions.js')).retry(context, workflow, execution),
      ),
    );
}
