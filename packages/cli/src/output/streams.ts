import { EXIT } from '../exit-codes.js';

/**
 * What a stream that stops taking text means. Nobody reads standard output any more (`… | head`): the command ends,
 * and that is no failure. Nobody reads standard error: the command goes on, unheard. A full disk is a failure.
 */
export function guardStreams(stdout: NodeJS.WriteStream, stderr: NodeJS.WriteStream): void {
  stderr.on('error', () => undefined);
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(EXIT.done);
    stderr.write(`error: Standard output cannot be written: ${error.message}\n`);
    process.exit(EXIT.failed);
  });
}
