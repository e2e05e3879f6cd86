import { execFile } from 'node:child_process';
import { access, constants } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';

const exec = promisify(execFile);

/** Where a program is on the PATH; undefined when it is not. */
export async function findCommand(name: string): Promise<string | undefined> {
  for (const folder of (process.env['PATH'] ?? '').split(path.delimiter).filter(Boolean)) {
    const file = path.join(folder, name);
    if (
      await access(file, constants.X_OK).then(
        () => true,
        () => false,
      )
    )
      return file;
  }
  return undefined;
}

/**
 * A program that tests drive: the one of this machine, else Debian's package of that name where this user may install
 * it.
 *
 * @param packageName where it is another than the program's
 * @throws Error with the command that installs it, where this user may not
 */
export async function requireCommand(name: string, packageName = name): Promise<string> {
  const found = await findCommand(name);
  if (found) return found;
  const reason = await install(packageName);
  const installed = await findCommand(name);
  if (installed) return installed;
  throw new Error(`These tests need ${name}: apt-get install ${packageName} (${reason})`);
}

/** @returns why it did not work, or an empty text */
async function install(name: string): Promise<string> {
  if (process.getuid?.() !== 0) return 'only root may install it';
  if (!(await findCommand('apt-get'))) return 'there is no apt-get here';
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  try {
    await exec('apt-get', ['-q', 'update'], { env });
    await exec('apt-get', ['-q', '-y', '--no-install-recommends', 'install', name], { env });
    return '';
  } catch (error) {
    return error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
  }
}
