import { CommanderError, type Command } from 'commander';
import { COMPLETE } from './completion/word.js';
import { createContext, type Surroundings } from './context.js';
import { registerGivenSecrets } from './credentials/mask.js';
import { EXIT } from './exit-codes.js';
import { Interrupted } from './interrupted.js';
import { type Output } from './output/output.js';
import { guardStreams } from './output/streams.js';
import { createProgram } from './program/index.js';

/** The process: arguments in, exit code out, whatever it printed flushed before it ends. */
export async function main(): Promise<void> {
  guardStreams(process.stdout, process.stderr);
  const argv = process.argv.slice(2);
  const surroundings: Surroundings = {
    env: process.env,
    cwd: workingDirectory(),
    get stdin() {
      return process.stdin;
    },
    stdout: process.stdout,
    stderr: process.stderr,
  };
  // A fault of ours in a callback: told as every failure is, its stack without a key in it.
  process.on('uncaughtException', (error) => {
    void tellFailure(error, argv, surroundings).then((code) => process.exit(code));
  });
  const code = await runCommandLine(argv, surroundings);
  process.exitCode = code;
  process.stdout.write('', (error) => {
    // A stream that failed has an event of its own, which says how this ends.
    if (!error) process.exit(code);
  });
}

/** A folder that was removed under the shell has no path; the commands that need none still work. */
function workingDirectory(): string {
  try {
    return process.cwd();
  } catch {
    return process.env['PWD'] ?? '/';
  }
}

/** Runs one command line. Never throws; a failure is told and becomes the exit code. */
export async function runCommandLine(argv: string[], surroundings: Surroundings): Promise<number> {
  registerGivenSecrets(argv, surroundings.env);
  const program = createProgram(surroundings);
  try {
    if (argv[0] === COMPLETE) {
      const { answer } = await import('./completion/answer.js');
      return await answer(program, argv.slice(argv[1] === '--' ? 2 : 1), surroundings);
    }
    if (argv.length === 0) {
      program.outputHelp();
      return EXIT.done;
    }
    await program.parseAsync(argv, { from: 'user' });
    return program.exitCode;
  } catch (error) {
    return error instanceof CommanderError
      ? usageError(error, outputOf(argv, surroundings), program)
      : tellFailure(error, argv, surroundings);
  }
}

/** The look of the command line as far as it could be read. */
function outputOf(argv: string[], surroundings: Surroundings): Output {
  const json = argv.includes('--json');
  const color = !argv.includes('--no-color');
  return createContext(surroundings, { json, color }).out;
}

async function tellFailure(error: unknown, argv: string[], surroundings: Surroundings): Promise<number> {
  const out = outputOf(argv, surroundings);
  if (error instanceof Interrupted) {
    if (out.json) out.result({ error: error.message, code: 'CANCELLED' });
    else out.note(error.message);
    return EXIT.interrupted;
  }
  const { reportError } = await import('./output/report-error.js');
  return reportError(error, out, surroundings.env['PEGASUS_DEBUG'] === '1');
}

/** What commander throws: help and version (told already, fine) or words it cannot read. */
function usageError(error: CommanderError, out: Output, program: Command): number {
  if (error.exitCode === 0) return EXIT.done;
  if (error.code === 'commander.help') return EXIT.usage;
  // An option that does not exist is quoted whole, and what is tied to it may be a key behind a misspelt --token.
  const told = error.message.replace(/^error: /, '').replace(/'(--?[^'=]+)=[^]*'/, "'$1'");
  const [sentence = '', suggestion] = told.split('\n');
  const message = `${sentence.charAt(0).toUpperCase()}${sentence.slice(1).replace(/\.?$/, '.')}`;
  const hint =
    suggestion?.replace(/^\(|\)$/g, '') ??
    commandMeant(error, message, program) ??
    'Run `pegasus-workflows --help`, or the command with --help.';
  if (out.json) out.result({ error: message, code: 'VALIDATION_ERROR', hint });
  else {
    out.note(`${out.noteColors.bad('error:')} ${message}`);
    out.note(`${out.noteColors.command('next:')} ${hint}`);
  }
  return EXIT.usage;
}

/** `--setup` and `--configure`: commands, written as options. */
function commandMeant({ code }: CommanderError, message: string, program: Command): string | undefined {
  const name = code === 'commander.unknownOption' ? /'--([^']+)'/.exec(message)?.[1] : undefined;
  const command = program.commands.find((one) => one.name() === name);
  return command && `It is a command: pegasus-workflows ${command.name()}`;
}
