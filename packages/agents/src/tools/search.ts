import picomatch from 'picomatch';
import { RE2JS } from 're2js';
import { z } from 'zod';
import { messageOf } from '../error-text.js';
import { type PathRef } from '../permissions/effects.js';
import { ToolError } from './tool-error.js';
import { type Tool, type ToolContext, type ToolResult } from './tool.js';
import { walk, type Walked } from './walk.js';

/** Tools that search: grep, glob. A file that may not be read is not told of, and nothing in it is found. */
const FILE_BYTES = 2 * 1024 * 1024;
const MATCHES = 200;
const LINE_CHARACTERS = 300;
const NAMES = 500;
const GLOB = { dot: true, noextglob: true };

const where = z
  .string()
  .min(1)
  .optional()
  .describe('Folder or file to search in; unless given, all of the workspace.');
const grepInput = z.strictObject({
  pattern: z
    .string()
    .min(1)
    .max(1_000)
    .describe('A regular expression in the syntax of RE2: no back-references.'),
  path: where,
  glob: z.string().min(1).max(500).optional().describe('Only files whose path matches, such as **/*.ts.'),
  ignore_case: z.boolean().optional(),
});
const globInput = z.strictObject({
  pattern: z.string().min(1).max(500).describe('Which paths, such as src/**/*.ts.'),
  path: where,
});

export const grepTool: Tool<z.output<typeof grepInput>> = {
  name: 'grep',
  description: 'Finds lines by a regular expression; answers path:line:text.',
  input: grepInput,
  prepare: async ({ pattern, path = '.', glob, ignore_case: ignoreCase }, workspace) => {
    const at = await workspace.resolve(path);
    const expression = compiled(pattern, ignoreCase ?? false);
    const matches = glob === undefined ? () => true : picomatch(glob, GLOB);
    return {
      effects: [{ kind: 'read', path: at }],
      run: (context) => grep(at, expression, matches, context),
    };
  },
};

export const globTool: Tool<z.output<typeof globInput>> = {
  name: 'glob',
  description: 'Finds files by a pattern of their paths.',
  input: globInput,
  prepare: async ({ pattern, path = '.' }, workspace) => {
    const at = await workspace.resolve(path);
    const matches = picomatch(pattern, GLOB);
    return {
      effects: [{ kind: 'read', path: at }],
      run: async (context) => {
        const { files, isCut } = await filesIn(at, context);
        const found = files.filter((file) => matches(file));
        const more = found.length > NAMES || isCut ? '(there are more; ask for less)' : 'Nothing was found.';
        return told(context, found.slice(0, NAMES), more);
      },
    };
  },
};

async function grep(
  at: PathRef,
  expression: RE2JS,
  matches: (file: string) => boolean,
  context: ToolContext,
): Promise<ToolResult> {
  const { files, isCut } = await filesIn(at, context);
  const found: string[] = [];
  for (const file of files) {
    if (!matches(file)) continue;
    context.signal.throwIfAborted();
    for (const line of await matchingLines(file, expression, context)) {
      if (found.length === MATCHES)
        return told(context, found, `(more than ${MATCHES} lines; search for less)`);
      found.push(line);
    }
  }
  return told(
    context,
    found,
    isCut ? '(there are too many files; search in a folder)' : 'Nothing was found.',
  );
}

/** `remark`: said after a list that is not whole, and in place of an empty one. */
function told({ reads }: ToolContext, lines: readonly string[], remark: string): ToolResult {
  const isWhole = lines.length > 0 && !remark.startsWith('(');
  return { text: [...lines, ...(isWhole ? [] : [remark])].join('\n'), filesChanged: [], reads };
}

/** Linear in what it searches, whatever it says: a model may have made it of what a stranger wrote. */
function compiled(pattern: string, ignoreCase: boolean): RE2JS {
  try {
    return RE2JS.compile(pattern, ignoreCase ? RE2JS.CASE_INSENSITIVE : 0);
  } catch (error) {
    const why = messageOf(error);
    throw new ToolError('BAD_ARGUMENTS', `pattern: ${why}.`);
  }
}

async function filesIn({ requested, real }: PathRef, context: ToolContext): Promise<Walked> {
  const { workspace, permissions, signal } = context;
  if (real === undefined)
    throw new ToolError('NO_FILE', `${JSON.stringify(requested)} leads out of the workspace.`);
  const isAllowed = (path: string): boolean =>
    permissions.decide([{ kind: 'read', path: plain(path) }]).verdict === 'allow';
  const walked = await walk(workspace, real, isAllowed, signal);
  // A path that is a file, or nothing, has none below it.
  return walked.files.length > 0 || real === '' || !isAllowed(real)
    ? walked
    : { files: [real], isCut: false };
}

/** A path of the walk, which goes through no link. */
function plain(path: string): PathRef {
  return { requested: path, real: path, through: [], links: 1 };
}

async function matchingLines(file: string, expression: RE2JS, { workspace }: ToolContext): Promise<string[]> {
  const read = await workspace.read(plain(file), FILE_BYTES).catch((error: unknown) => {
    // Too large, gone, or no regular file any more: a search goes on without it.
    if (error instanceof ToolError) return undefined;
    throw error;
  });
  if (!read || read.bytes.includes(0)) return [];
  const lines: string[] = [];
  for (const [at, line] of read.bytes.toString('utf8').split('\n').entries()) {
    if (expression.matcher(line).find()) lines.push(`${file}:${at + 1}:${line.slice(0, LINE_CHARACTERS)}`);
  }
  return lines;
}
