import { accessSync, constants } from 'node:fs';
import path from 'node:path';

/** How another program starts this one's MCP server. */
export interface LaunchCommand {
  command: string;
  args: string[];
}

const PROGRAM = 'pegasus-workflows';

/** By its name where it is installed for everybody; through npx, which finds a project's own, where it is not. */
export function launchCommand(env: NodeJS.ProcessEnv): LaunchCommand {
  if (isInstalled(env)) return { command: PROGRAM, args: ['mcp'] };
  // `--no`: an agent that starts its tools does not answer whether to install one.
  return { command: 'npx', args: ['--no', PROGRAM, 'mcp'] };
}

/** npm and npx put the bin folders of projects on the PATH of what they start; those are not there for others. */
function isInstalled(env: NodeJS.ProcessEnv): boolean {
  const folders = (env['PATH'] ?? '').split(path.delimiter).filter(Boolean);
  return folders.some((folder) => !folder.split(path.sep).includes('node_modules') && isThere(folder));
}

function isThere(folder: string): boolean {
  const names = process.platform === 'win32' ? [`${PROGRAM}.cmd`, `${PROGRAM}.exe`] : [PROGRAM];
  return names.some((name) => {
    try {
      accessSync(path.join(folder, name), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
