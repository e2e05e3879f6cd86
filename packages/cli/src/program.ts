import { readFileSync } from 'node:fs';
import { Command, Option } from 'commander';
import type { DevOptions } from './commands/dev.js';
import type { PushOptions } from './commands/push.js';
import type { RunOptions } from './commands/run.js';
import type { TestOptions } from './commands/test.js';
import { createContext, type Context, type GlobalOptions, type Surroundings } from './context.js';

/** The whole command line. Each command's code is imported when that command runs, so that `--help` costs nothing. */
export function createProgram(surroundings: Surroundings): Program {
  const program = new Program('pegasus-workflows', surroundings);
  program
    .description('Author, publish and run durable workflows.')
    .version(readVersion(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'show help')
    .helpCommand('help [command]', 'show help for a command')
    .option('--json', 'one JSON document on standard output')
    .option('--profile <name>', 'profile of the credentials file to use')
    .option('--token <key>', 'API key, instead of a profile')
    .option('--base-url <url>', 'where the platform is, instead of what the profile says')
    .option('--no-color', 'no colours (NO_COLOR is respected too)')
    .configureHelp({ showGlobalOptions: true, minWidthToWrap: 20, helpWidth: helpWidth(surroundings) })
    .configureOutput({
      writeOut: (text) => void surroundings.stdout.write(text),
      writeErr: (text) => void surroundings.stderr.write(text),
      // main.ts tells usage errors, in one look with all others.
      outputError: () => {},
    })
    .exitOverride();
  addLocalCommands(program);
  addProjectCommands(program);
  addRunCommands(program);
  addExecutionCommands(program);
  addWorkflowCommands(program);
  return program;
}

/** A commander program that remembers what its command answered. */
export class Program extends Command {
  exitCode = 0;

  constructor(
    name: string,
    private readonly surroundings: Surroundings,
  ) {
    super(name);
  }

  /** Wraps a command's work: gives it the context, keeps its exit code (nothing means 0). */
  running<A extends unknown[]>(
    work: (context: Context, ...args: A) => Promise<number | void>,
  ): (...args: A) => Promise<void> {
    return async (...args) => {
      const context = createContext(this.surroundings, this.opts<GlobalOptions>());
      this.exitCode = (await work(context, ...args)) ?? 0;
    };
  }
}

const directory = (): Option =>
  new Option('-C, --dir <dir>', 'the project, when it is not this folder or above');

function addLocalCommands(program: Program): void {
  program
    .command('dev')
    .summary('the platform on this machine')
    .description(
      'Start the platform on this machine and keep it running until Ctrl-C. Writes profile "local" and prints "ready <url>".\nInside a project it also publishes it, and again on every change, as <version>-dev.N.',
    )
    .option('--port <port>', 'port of the API (default: 4800, or the next free one)')
    .option('--data-dir <dir>', 'where everything is kept (default: ~/.local/share/pegasus)')
    .option('--no-watch', 'do not publish or watch the project in this folder')
    .addOption(directory())
    .action(
      program.running(async (context, options: DevOptions) =>
        (await import('./commands/dev.js')).dev(context, options),
      ),
    );
  program
    .command('doctor')
    .summary('what this machine has, what is missing, what mends it')
    .description(
      'Look at Node, Temporal, credentials and the platform; name the one command that mends what is missing.',
    )
    .action(program.running(async (context) => (await import('./commands/doctor.js')).doctor(context)));
}

function addProjectCommands(program: Program): void {
  program
    .command('init')
    .summary('a new project that tests, packages and pushes as it is')
    .description('Make a new project in ./<name> (or --dir) that tests, packages and pushes as it is.')
    .argument('<name>', 'name of the workflow: lower-case letters, digits, "-" and "_"')
    .option('--dir <dir>', 'where to make it; must be empty or absent (default: ./<name>)')
    .action(
      program.running(async (context, name: string, options: { dir?: string }) =>
        (await import('./commands/init.js')).init(context, name, options),
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
    .addOption(directory())
    .action(
      program.running(async (context, name: string, options: TestOptions) =>
        (await import('./commands/test.js')).test(context, name, options),
      ),
    );
  program
    .command('package')
    .summary('build dist/<name>-<version>.zip of each workflow')
    .description('Check and build every workflow of the project into dist/<name>-<version>.zip. No network.')
    .addOption(directory())
    .action(
      program.running(async (context, options: { dir?: string }) =>
        (await import('./commands/package.js')).packageProject(context, options),
      ),
    );
  program
    .command('push')
    .summary('package and publish each workflow')
    .description('Package every workflow of the project, publish it, and record it in deployments.toml.')
    .addOption(directory())
    .option('--env <name>', 'name of the entry in deployments.toml (default: the host of the API)')
    .option('--dev', 'as the next <version>-dev.N, not recorded; nothing when it is unchanged')
    .action(
      program.running(async (context, options: PushOptions) =>
        (await import('./commands/push.js')).push(context, options),
      ),
    );
}

function addRunCommands(program: Program): void {
  program
    .command('run')
    .summary('start a run of a published workflow')
    .description(
      'Start a run. A name means your own newest version, else a GLOBAL one; name@version means exactly that; inside a project, the version that was pushed from it.',
    )
    .argument('<workflow>', 'name, name@version or id')
    .option('--input <json>', 'its input: a JSON object, @file, or - for standard input')
    .option('--wait', 'wait for the end; exit 1 unless it COMPLETED')
    .option('--follow', 'wait, and show each step as it happens')
    .option('--latest', 'the newest version, whatever deployments.toml says')
    .option('--env <name>', 'which entry of deployments.toml to look at')
    .addOption(directory())
    .action(
      program.running(async (context, workflow: string, options: RunOptions) =>
        (await import('./commands/run.js')).run(context, workflow, options),
      ),
    );
}

function addExecutionCommands(program: Program): void {
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
        (await import('./commands/executions.js')).list(context, workflow, options),
      ),
    );
  executions
    .command('show')
    .description('Input, result, error and timeline of one run.')
    .argument('<workflow>', 'name, name@version or id')
    .argument('<execution>', 'id of the run')
    .action(
      program.running(async (context, workflow: string, execution: string) =>
        (await import('./commands/executions.js')).show(context, workflow, execution),
      ),
    );
  executions
    .command('watch')
    .description('The timeline of a run as it happens, until it ends; exit 1 unless it COMPLETED.')
    .argument('<workflow>', 'name, name@version or id')
    .argument('[execution]', 'id of the run (default: the newest)')
    .action(
      program.running(async (context, workflow: string, execution: string | undefined) =>
        (await import('./commands/executions.js')).watch(context, workflow, execution),
      ),
    );
  executions
    .command('cancel')
    .description('Ask a run to stop; its code may clean up first.')
    .argument('<workflow>', 'name, name@version or id')
    .argument('<execution>', 'id of the run')
    .action(
      program.running(async (context, workflow: string, execution: string) =>
        (await import('./commands/executions.js')).cancel(context, workflow, execution),
      ),
    );
  executions
    .command('retry')
    .description('A new run with the input of one that failed, timed out or was cancelled.')
    .argument('<workflow>', 'name, name@version or id')
    .argument('<execution>', 'id of the run')
    .action(
      program.running(async (context, workflow: string, execution: string) =>
        (await import('./commands/executions.js')).retry(context, workflow, execution),
      ),
    );
}

function addWorkflowCommands(program: Program): void {
  const workflows = program.command('workflows').description('Published workflows: list, show, fork.');
  workflows
    .command('list')
    .description('Your own and the GLOBAL ones, newest first.')
    .action(program.running(async (context) => (await import('./commands/workflows.js')).list(context)));
  workflows
    .command('show')
    .description('One version: what it declares, its artifact, its diagram.')
    .argument('<workflow>', 'name, name@version or id')
    .action(
      program.running(async (context, workflow: string) =>
        (await import('./commands/workflows.js')).show(context, workflow),
      ),
    );
  workflows
    .command('fork')
    .description('Copy a GLOBAL workflow into your tenant, so that it can run there.')
    .argument('<workflow>', 'name, name@version or id')
    .action(
      program.running(async (context, workflow: string) =>
        (await import('./commands/workflows.js')).fork(context, workflow),
      ),
    );
}

function readVersion(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

function helpWidth({ stdout, env }: Surroundings): number {
  return Number(env['COLUMNS']) || (stdout.isTTY ? stdout.columns : undefined) || 100;
}
