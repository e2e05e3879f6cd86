import { spawn } from 'node:child_process';

/** What npm said last when it failed: enough to see why, without its whole log. */
const MOST_LINES = 12;

/**
 * Runs `npm install` in a new project.
 *
 * @returns undefined when it went well, else why it did not, in npm's own words
 */
export async function installDependencies(
  dir: string,
  env: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<string | undefined> {
  const args = ['install', '--no-audit', '--no-fund', '--loglevel=error'];
  // npm is a script of the shell's on Windows.
  const shell = process.platform === 'win32';
  const child = spawn('npm', args, { cwd: dir, env, shell, signal, stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (said += chunk));
  return new Promise((resolve, reject) => {
    child.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') resolve('npm is not on the PATH.');
      else reject(error);
    });
    child.once('close', (code) => {
      if (code === 0) return resolve(undefined);
      const lines = said.split('\n').filter((line) => line.trim() !== '');
      resolve(lines.slice(0, MOST_LINES).join('\n') || `npm ended with ${code ?? 'a signal'}.`);
    });
  });
}
