import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { PegasusError } from '@pegasus-workflows/contracts/errors';

/** Where a command runs: what decides which files are its. */
export interface Place {
  env: NodeJS.ProcessEnv;
  cwd: string;
}

/** How the home file is called where there is no home folder to name it by. */
export const HOME_FILE = '~/.pegasus/credentials';

/** `PEGASUS_CREDENTIALS_FILE`, else `./.pegasus/credentials` if it exists, else the home file; undefined without a home. */
export function credentialsPathForReading({ env, cwd }: Place): string | undefined {
  const override = env['PEGASUS_CREDENTIALS_FILE'];
  if (override) return path.resolve(cwd, override);
  const local = path.join(cwd, '.pegasus', 'credentials');
  return existsSync(local) ? local : homeFile(env);
}

/** `PEGASUS_CREDENTIALS_FILE`, else the home file. @throws PegasusError VALIDATION_ERROR when there is no home folder */
export function credentialsPathForWriting({ env, cwd }: Place): string {
  const override = env['PEGASUS_CREDENTIALS_FILE'];
  const file = override ? path.resolve(cwd, override) : homeFile(env);
  if (file !== undefined) return file;
  throw new PegasusError('VALIDATION_ERROR', 'There is no home folder to keep a profile in.', {
    hint: 'Set HOME, or PEGASUS_CREDENTIALS_FILE to the file that profiles are to be kept in.',
  });
}

function homeFile(env: NodeJS.ProcessEnv): string | undefined {
  const home = env['HOME'] || accountsHome();
  return home ? path.join(home, '.pegasus', 'credentials') : undefined;
}

/** The home folder of the account; a container's user may have neither HOME nor an account. */
function accountsHome(): string | undefined {
  try {
    return homedir();
  } catch {
    return undefined;
  }
}
