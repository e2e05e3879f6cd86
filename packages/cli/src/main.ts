import { CommanderError } from 'commander';
import { createContext, type Surroundings } from './context.js';
import { type Output } from './output/output.js';
import { createProgram } from './program/index.js';

const USAGE = 2;

/** The process: arguments in, exit code out, whatever it printed flushed before it ends. */
export async function main(): Promise<void> {
  // `pegasus-workflows … | head` closes the pipe early; that is no failure of ours.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    throw error;
  });
  const code = await runCommandLine(process.argv.slice(2), {
    env: process.env,
    cwd: process.cwd(),
    stdout: process.stdout,
    stderr: process.stderr,
  });
  process.stdout.write('', () => process.exit(code));
}

/** Runs one command line. Never throws; a failure is told and becomes the exit code. */
export async function runCommandLine(argv: string[], surroundings: Surroundings): Promise<number> {
  const program = createProgram(surroundings);
  try {
    if (argv.length === 0) {
      program.outputHelp();
      return 0;
    }
    await program.parseAsync(argv, { from: 'user' });
    return program.exitCode;
  } catch (error) {
    const json = argv.includes('--json');
    const color = !argv.includes('--no-color');
    const { out } = createContext(surroundings, { json, color });
    if (error instanceof CommanderError) return usageError(error, out);
    const { reportError } = await import('./output/report-error.js');
    return reportError(error, out, surroundings.env['PEGASUS_DEBUG'] === '1');
  }
}

/** What commander throws: help and version (told already, fine) or words it cannot read. */
function usageError(error: CommanderError, out: Output): number {
  if (error.exitCode === 0) return 0;
  if (error.code === 'commander.help') return USAGE;
  const [sentence = '', suggestion] = error.message.replace(/^error: /, '').split('\n');
  const message = `${sentence.charAt(0).toUpperCase()}${sentence.slice(1).replace(/\.?$/, '.')}`;
  const hint =
    suggestion?.replace(/^\(|\)$/g, '') ?? 'Run `pegasus-workflows --help`, or the command with --help.';
  if (out.json) out.result({ error: message, code: 'VALIDATION_ERROR', hint });
  else {
    out.note(`${out.noteColors.bad('error:')} ${message}`);
    out.note(`${out.noteColors.command('next:')} ${hint}`);
  }
  return USAGE;
}
