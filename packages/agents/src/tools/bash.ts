import { lstat } from 'node:fs/promises';
import { posix } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { z } from 'zod';
import { effectsOfBash } from '../calls.js';
import { type Effect } from '../permissions/effects.js';
import { NothingDone, type OnceOutcome } from './journal.js';
import { grantsOf, shellPathsOf, type ShellResult } from './shell.js';
import { ToolError } from './tool-error.js';
import { type Tool, type ToolContext } from './tool.js';
import { walk } from './walk.js';
import { type Workspace } from './workspace.js';

/** The tool that runs command lines: bash. What it does is judged by its syntax, and held by the sandbox it runs in. */
const DEFAULT_TIMEOUT_MS = 120_000;
const MAX_TIMEOUT_MS = 600_000;
const OUTPUT_BYTES = 30_000;
const COMMAND_CHARACTERS = 32 * 1024;
/** Programs ask nobody, page nothing, and write in no other language. */
const ENVIRONMENT = {
  LANG: 'C.UTF-8',
  TERM: 'dumb',
  PAGER: 'cat',
  GIT_PAGER: 'cat',
  GIT_TERMINAL_PROMPT: '0',
  GIT_EDITOR: 'true',
};
/** Names that are told of in a row. */
const TOLD_FILES = 200;

const bashInput = z.strictObject({
  command: z
    .string()
    .min(1)
    .max(COMMAND_CHARACTERS)
    .describe('A command line for bash. It begins in the workspace.'),
  timeoutMs: z
    .number()
    .int()
    .min(1_000)
    .max(MAX_TIMEOUT_MS)
    .optional()
    .describe(`After how many milliseconds it is ended; ${DEFAULT_TIMEOUT_MS} unless given.`),
  description: z.string().max(500).optional().describe('What it is for, in a few words.'),
});
type Input = z.output<typeof bashInput>;

export const bashTool: Tool<Input> = {
  name: 'bash',
  description:
    'Runs a command line in a sandbox with the workspace, and answers with its output and exit code. Each call begins anew: no variable, folder or process of an earlier one is there. There is no terminal and no input.',
  input: bashInput,
  needs: 'shell',
  prepare: async (input, workspace) => {
    const effects = await effectsOfBash(workspace.root, input.command);
    return {
      effects,
      run: async (context) => {
        const what = JSON.stringify(['bash', input.command, input.timeoutMs ?? null]);
        const done = await context.journal.once(context.callId, what, () => run(input, effects, context));
        return { ...done, reads: context.reads };
      },
    };
  },
};

async function run(
  { command, timeoutMs = DEFAULT_TIMEOUT_MS }: Input,
  effects: readonly Effect[],
  { shell, ceiling, permissions, workspace, signal, starter }: ToolContext,
): Promise<OnceOutcome> {
  if (!shell || !ceiling)
    throw new NothingDone(new ToolError('NO_SANDBOX', 'There is no sandbox here, so no command is run.'));
  const { root } = workspace;
  const { write, network } = grantsOf(ceiling, effects);
  const paths = await shellPathsOf(root, ceiling, permissions, write).catch(nothingDone);
  const before = paths.writable.length > 0 ? await snapshot(workspace, signal) : undefined;
  const request = {
    command,
    cwd: root,
    root,
    network,
    paths,
    env: ENVIRONMENT,
    timeoutMs,
    starter,
    maxOutputBytes: OUTPUT_BYTES,
  };
  const result = await shell.run(request, signal);
  if ('refused' in result) throw new NothingDone(new ToolError('NO_SANDBOX', result.refused));
  const after = before && (await snapshot(workspace, signal));
  const { filesChanged, remark } = before && after ? changes(before, after) : UNCHANGED;
  return { text: textOf(result, timeoutMs, remark), filesChanged };
}

function nothingDone(error: unknown): never {
  throw error instanceof ToolError ? new NothingDone(error) : error;
}

const UNCHANGED = { filesChanged: [], remark: '' };

/** Each file's identity and times; a change of any is a change. */
interface Snapshot {
  files: ReadonlyMap<string, string>;
  isCut: boolean;
}

/** Of the files that {@link walk} goes to: as many as it takes, none in `.git`, `.pugi` and `node_modules`. */
async function snapshot(workspace: Workspace, signal: AbortSignal): Promise<Snapshot> {
  const { files, isCut } = await walk(workspace, '', () => true, signal);
  const found = new Map<string, string>();
  for (const path of files) {
    try {
      const { ino, size, mode, mtimeNs, ctimeNs } = await lstat(posix.join(workspace.root, path), {
        bigint: true,
      });
      found.set(path, [ino, size, mode, mtimeNs, ctimeNs].join(' '));
    } catch (error) {
      // Gone since it was listed.
      if (!['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
    }
  }
  return { files: found, isCut };
}

function changes(before: Snapshot, after: Snapshot): { filesChanged: string[]; remark: string } {
  const names = new Set([...before.files.keys(), ...after.files.keys()]);
  const filesChanged = [...names].filter((path) => before.files.get(path) !== after.files.get(path)).sort();
  const told = filesChanged.slice(0, TOLD_FILES).join('\n');
  const more = filesChanged.length > TOLD_FILES ? `\n(and ${filesChanged.length - TOLD_FILES} more)` : '';
  const cut =
    before.isCut || after.isCut
      ? '\n(The workspace has more files than are looked at: others may have changed as well.)'
      : '';
  const remark = filesChanged.length > 0 ? `\nFiles changed:\n${told}${more}` : '';
  return { filesChanged, remark: remark + cut };
}

function textOf(result: ShellResult, timeoutMs: number, remark: string): string {
  const { exitCode, timedOut, flooded, outOfMemory } = result;
  const output = outputOf(result);
  return `${output === '' ? '(no output)' : output}\n${endOf()}${remark}`;

  function endOf(): string {
    if (timedOut) return `It was ended after ${timeoutMs} ms, with all that it had started.`;
    if (flooded) return 'It was ended, with all that it had started, because its output had no end.';
    const memory = outOfMemory ? ' It reached the bound on memory, and was ended in part or whole.' : '';
    return exitCode === null ? `It was ended from outside.${memory}` : `Exit code ${exitCode}.${memory}`;
  }
}

/** What {@link bashTool} says of how a command has ended; null where it was ended from outside. */
export function exitCodeOf(text: string): number | null {
  const code = [...text.matchAll(/^Exit code (\d+)\./gm)].at(-1)?.[1];
  return code === undefined ? null : Number(code);
}

function outputOf({ output, omitted }: ShellResult): string {
  if (!omitted) return printable(output).trimEnd();
  const note = `\n(${omitted.bytes} bytes are left out here)\n`;
  return `${printable(output.subarray(0, omitted.at))}${note}${printable(output.subarray(omitted.at))}`.trimEnd();
}

/** As a person would read it: colours and bytes that are no text are not what a model should have to look at. */
export function printable(bytes: Buffer): string {
  return stripVTControlCharacters(new TextDecoder().decode(bytes))
    .replaceAll(/\r+\n/g, '\n')
    .replaceAll('\r', '\n')
    .replaceAll(
      /[^\P{Cc}\n\t]/gu,
      (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`,
    );
}
