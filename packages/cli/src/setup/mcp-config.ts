/**
 * Job: the `pegasus` server in a project's `.mcp.json`, by which an author's coding agent finds this program.
 *
 * Boundary: that one file. It is edited, not rewritten.
 *
 * Invariants
 * 1. Other servers, other keys, comments and formatting stay as they are.
 * 2. A `pegasus` stanza that says something else is replaced only by force.
 * 3. A file that is not a JSON object is left untouched.
 * 4. No key is ever in it: the server reads the credentials file as every command does.
 */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { findNodeAtLocation, getNodeValue, parseTree, type Node, type ParseError } from 'jsonc-parser';
import { PegasusError } from '@pegasus-workflows/contracts/errors';
import { unreadable, unwritable } from '../files/file-errors.js';
import { withFileLock } from '../files/file-lock.js';
import { isCode, writeAtomically } from '../files/write-atomically.js';
import { addProperty, replaceValue } from './json-edit.js';
import { launchCommand, type LaunchCommand } from './launch-command.js';

export const MCP_FILE = '.mcp.json';
const SERVERS = 'mcpServers';
const SERVER = 'pegasus';

export interface McpPlan {
  file: string;
  /** `kept`: there is another stanza and no force. */
  status: 'added' | 'replaced' | 'unchanged' | 'kept';
}

/** What the stanza is on this machine. */
export function mcpConfig(env: NodeJS.ProcessEnv): Record<string, Record<string, LaunchCommand>> {
  return { [SERVERS]: { [SERVER]: launchCommand(env) } };
}

/**
 * What {@link writeMcpConfig} would do, without doing it: a file that is in the way is found before anything is written.
 * @throws PegasusError VALIDATION_ERROR when the file is there and is no JSON object (invariant 3)
 */
export async function planMcpConfig(place: Place, force: boolean): Promise<McpPlan> {
  const file = path.join(place.cwd, MCP_FILE);
  return { file, status: edit(file, await read(file), launchCommand(place.env), force).status };
}

interface Place {
  cwd: string;
  env: NodeJS.ProcessEnv;
}

/** Adds the server to `./.mcp.json` (invariants 1 to 4), in one step to other processes of ours. Throws as the plan does. */
export async function writeMcpConfig(place: Place, force: boolean): Promise<McpPlan> {
  const file = path.join(place.cwd, MCP_FILE);
  try {
    return await withFileLock(file, {}, async () => {
      const { status, text } = edit(file, await read(file), launchCommand(place.env), force);
      if (text !== undefined) await writeAtomically(file, text, { name: 'mcp-config' });
      return { file, status };
    });
  } catch (error) {
    throw unwritable(
      file,
      error,
      'Print it instead with --print-mcp-config, or leave it out with --skip-mcp.',
    );
  }
}

async function read(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (isCode(error, 'ENOENT')) return '';
    throw unreadable(file, error);
  }
}

function edit(
  file: string,
  before: string,
  stanza: LaunchCommand,
  force: boolean,
): { status: McpPlan['status']; text?: string } {
  const text = before.trim() === '' ? '{}\n' : before;
  const root = parsed(text, file);
  const servers = findNodeAtLocation(root, [SERVERS]);
  if (servers && servers.type !== 'object') throw notOurs(file, `its "${SERVERS}" is not an object`);
  const present = findNodeAtLocation(root, [SERVERS, SERVER]);
  if (present && same(getNodeValue(present), stanza)) return { status: 'unchanged' };
  if (present && !force) return { status: 'kept' };
  if (present) return { status: 'replaced', text: replaceValue(text, present, stanza) };
  return {
    status: 'added',
    text: servers
      ? addProperty(text, servers, SERVER, stanza)
      : addProperty(text, root, SERVERS, { [SERVER]: stanza }),
  };
}

function parsed(text: string, file: string): Node {
  const errors: ParseError[] = [];
  // Comments and trailing commas are what editors that read this file allow.
  const root = parseTree(text, errors, { allowTrailingComma: true });
  const [first] = errors;
  if (first) throw notOurs(file, `it is not JSON (line ${text.slice(0, first.offset).split('\n').length})`);
  if (root?.type !== 'object') throw notOurs(file, 'it is not a JSON object');
  return root;
}

function notOurs(file: string, why: string): PegasusError {
  return new PegasusError('VALIDATION_ERROR', `${file} was left as it is: ${why}.`, {
    hint: 'Mend it, or leave it alone with --skip-mcp; --print-mcp-config prints what belongs in it.',
  });
}

/** The stanza may have more in it (an `env`, a `type`): it is ours when it starts the same program. */
function same(present: unknown, { command, args }: LaunchCommand): boolean {
  if (typeof present !== 'object' || present === null) return false;
  const { command: theirs, args: theirArgs } = present as Record<string, unknown>;
  return theirs === command && JSON.stringify(theirArgs) === JSON.stringify(args);
}
