import type { WorkflowLogsOptions } from '../commands/logs.js';
import type { RetireOptions } from '../commands/retire.js';
import type { Where } from '../workflows/resolve.js';
import { directory, environment, WORKFLOW, yes, type Program } from './program.js';

/** `workflows …`: what is published. */
export function addWorkflowCommands(program: Program): void {
  const workflows = program
    .command('workflows')
    .description('Published workflows: list, show, logs, fork, release, retire.');
  workflows
    .command('list')
    .description('Your own and the GLOBAL ones, newest first.')
    .action(program.running(async (context) => (await import('../commands/workflows.js')).list(context)));
  workflows
    .command('show')
    .description('One version: what it declares, its artifact, its diagram.')
    .argument(...WORKFLOW)
    .addOption(environment())
    .addOption(directory())
    .action(
      program.running(async (context, workflow: string, options: Where) =>
        (await import('../commands/workflows.js')).show(context, workflow, options),
      ),
    );
  workflows
    .command('logs')
    .summary('what its worker has printed outside of runs')
    .description(
      'What the worker of a version has printed outside of any run, oldest first: while its modules loaded, or after an activity had ended. Why a version cannot be loaded stands here.',
    )
    .argument(...WORKFLOW)
    .option('--level <level>', 'this one and those above it: debug, info, warn, error')
    .option('--since <time>', 'said at or after: how long ago (2h, 3d) or an ISO time in UTC')
    .addOption(environment())
    .addOption(directory())
    .action(
      program.running(async (context, workflow: string, options: WorkflowLogsOptions) =>
        (await import('../commands/logs.js')).workflowLogs(context, workflow, options),
      ),
    );
  workflows
    .command('fork')
    .description('Copy a GLOBAL workflow into your tenant, so that it can run there.')
    .argument(...WORKFLOW)
    .addOption(environment())
    .addOption(directory())
    .action(
      program.running(async (context, workflow: string, options: Where) =>
        (await import('../commands/workflows.js')).fork(context, workflow, options),
      ),
    );
  workflows
    .command('release')
    .summary('let a quarantined version run again')
    .description(
      'Let a version run again that was quarantined because its worker crashed again and again; its open runs go on. Why it was is in show and logs.',
    )
    .argument(...WORKFLOW)
    .addOption(environment())
    .addOption(directory())
    .action(
      program.running(async (context, workflow: string, options: Where) =>
        (await import('../commands/workflows.js')).release(context, workflow, options),
      ),
    );
  workflows
    .command('retire')
    .summary('let a version start nothing any more')
    .description(
      'Let a version start nothing any more: its triggers are deleted, lists leave it out, its executions stay.',
    )
    .argument('<workflow>', 'name@version or id; a name alone could be any version')
    .option('--force', 'also while executions are open; they are left to end')
    .addOption(yes())
    .action(
      program.running(async (context, workflow: string, options: RetireOptions) =>
        (await import('../commands/retire.js')).retire(context, workflow, options),
      ),
    );
}
