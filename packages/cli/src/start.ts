/**
 * Job: `--help` and `--version` at the price of one small file; every other command line goes on to `bin.js`.
 *
 * Boundary: `scripts/build.mjs` bundles it with all it imports into `dist/start.cjs`, which the command begins with.
 * CommonJS, because starting Node's loader of ES modules costs as much as printing the help. Nothing here may keep
 * state that a command needs: the bundle's modules are other copies than those a command imports.
 */
import { CommanderError } from 'commander';
import { COMPLETE } from './completion/word.js';
import { guardStreams } from './output/streams.js';
import { createProgram } from './program/index.js';

const HELP = new Set(['-h', '--help', 'help', '-V', '--version']);

class NotHelp extends Error {}

/** The text that the arguments ask for, or undefined when they ask for anything but help or the version. */
function helpText(argv: string[]): string | undefined {
  const asks = argv.length === 0 || argv.some((word) => HELP.has(word));
  if (!asks || argv[0] === COMPLETE) return undefined;
  let text = '';
  const { isTTY, columns } = process.stdout;
  const stdout = { write: (part: string) => (text += part), isTTY, columns };
  const program = createProgram({
    env: process.env,
    cwd: '.',
    stdout,
    stderr: { write: () => true },
  });
  program.hook('preAction', () => {
    throw new NotHelp();
  });
  try {
    if (argv.length === 0) program.outputHelp();
    else program.parse(argv, { from: 'user' });
    return text;
  } catch (error) {
    if (error instanceof NotHelp) return undefined;
    if (error instanceof CommanderError) return error.exitCode === 0 ? text : undefined;
    throw error;
  }
}

const text = helpText(process.argv.slice(2));
if (text === undefined) void import('./bin.js');
else {
  guardStreams(process.stdout, process.stderr);
  process.stdout.write(text);
}
