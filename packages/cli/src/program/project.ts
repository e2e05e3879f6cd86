import type { Command } from 'commander';
import type { InitOptions } from '../commands/init.js';
import type { PackageOptions } from '../commands/package.js';
import type { PushOptions } from '../commands/push.js';
import type { TestOptions } from '../commands/test.js';
import { TEMPLATE_NAMES, TEMPLATES } from '../scaffold/templates.js';
import { directory, type Program } from './program.js';

/** An author's project: made, tested, built, published. */
export function addProjectCommands(program: Program): void {
  program
    .command('init')
    .summary('a new project that tests, packages and pushes as it is')
    .description('Make a new project in ./<name> (or --dir) that tests, packages and pushes as it is.')
    .argument('<name>', 'name of the workflow: lower-case letters, digits, "-" and "_"')
    .option('--dir <dir>', 'where to make it; must be empty or absent (default: ./<name>)')
    .option('--template <name>', 'what it begins with, see below', TEMPLATE_NAMES[0])
    .option('--install', 'run npm install in it; without this, no network is used')
    .addHelpText('after', templatesHelp)
    .action(
      program.running(async (context, name: string, options: InitOptions) =>
        (await import('../commands/init.js')).init(context, name, options),
      ),
    );
  program
    .command('test')
    .summary('run a workflow here, once, and show its timeline')
    .description(
      'Run a workflow of the project here, once, without publishing it. Uses TEMPORAL_ADDRESS or a Temporal on this machine; starts one if none answers.',
    )
    .argument('<workflow>', 'name of the workflow in pegasus-workflows.toml')
    .option('--input <json|text>', 'its single argument: JSON, or else taken as text', 'test')
    .option(
      '--platform <file>',
      'what activities find on the platform: JSON with secrets, configs, projections, …',
    )
    .option('--dry-run', 'change nothing there, and show what would have been changed')
    .addOption(directory())
    .action(
      program.running(async (context, name: string, options: TestOptions) =>
        (await import('../commands/test.js')).test(context, name, options),
      ),
    );
  program
    .command('package')
    .summary('build dist/<name>-<version>.zip of each workflow')
    .description('Check and build every workflow of the project into dist/<name>-<version>.zip. No network.')
    .addOption(directory())
    .option('--strict', 'refuse a diagram that differs from the code')
    .action(
      program.running(async (context, options: PackageOptions) =>
        (await import('../commands/package.js')).packageProject(context, options),
      ),
    );
  program
    .command('push')
    .summary('package and publish each workflow')
    .description('Package every workflow of the project, publish it, and record it in deployments.toml.')
    .addOption(directory())
    .option('--env <name>', 'name of the entry in deployments.toml (default: the host of the API)')
    .option('--dev', 'as the next <version>-dev.N, not recorded; nothing when it is unchanged')
    .option('--strict', 'refuse a diagram that differs from the code')
    .option('--take-over-triggers', 'then move the triggers of earlier versions to the new one')
    .option('--replay', 'first replay recorded runs; publish nothing when the code does not fit one')
    .option('--replay-latest <n>', 'the same, with this many runs of each version (default: 5)')
    .action(
      program.running(async (context, options: PushOptions) =>
        (await import('../commands/push.js')).push(context, options),
      ),
    );
}

/** The templates as `--help` shows them, in the form of its own lists. */
function templatesHelp({ command }: { command: Command }): string {
  const helper = command.createHelp();
  const width = Math.max(...TEMPLATE_NAMES.map((name) => name.length));
  const lines = TEMPLATE_NAMES.map((name) => helper.formatItem(name, width, TEMPLATES[name], helper));
  return ['', 'Templates:', ...lines].join('\n');
}
