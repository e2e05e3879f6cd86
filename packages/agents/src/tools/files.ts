import { z } from 'zod';
import { failpoint } from '@pegasus-workflows/kit/failpoints';
import { sha256 } from '../digest.js';
import { type PathRef } from '../permissions/effects.js';
import { haveRead, lastRead } from './reads.js';
import { ToolError } from './tool-error.js';
import { type PreparedCall, type Tool, type ToolContext, type ToolResult } from './tool.js';
import { type Workspace } from './workspace.js';

/** Tools that read and write one file: read, write, edit, multi_edit. */

/** A file that is larger is not read as a whole; nor is one made that is. Bytes. */
const FILE_BYTES = 5 * 1024 * 1024;
/** Of one answer to the model. */
const ANSWER_LINES = 2_000;
const ANSWER_CHARACTERS = 100_000;
const LINE_CHARACTERS = 2_000;
const NEW_FILE_MODE = 0o644;

const path = z.string().min(1).describe('Path of the file, relative to the workspace.');
const readInput = z.strictObject({
  path,
  offset: z.number().int().min(1).optional().describe('The first line to read, from 1.'),
  limit: z.number().int().min(1).max(ANSWER_LINES).optional().describe('How many lines to read.'),
});
const writeInput = z.strictObject({ path, content: z.string().describe('All of the new file.') });
const change = {
  old_string: z
    .string()
    .min(1)
    .describe('Text of the file, exactly as it is there; it has to be there once.'),
  new_string: z.string().describe('What is to be in its place.'),
  replace_all: z.boolean().optional().describe('Replace it wherever it is.'),
};
const editInput = z.strictObject({ path, ...change });
const multiEditInput = z.strictObject({
  path,
  edits: z
    .array(z.strictObject(change))
    .min(1)
    .max(100)
    .describe('One after the other; all of them or none.'),
});
type Change = z.output<typeof multiEditInput>['edits'][number];

export const readTool: Tool<z.output<typeof readInput>> = {
  name: 'read',
  description: 'Reads a text file. Lines are numbered. A file has to be read before it is changed.',
  input: readInput,
  prepare: async ({ path, offset = 1, limit = ANSWER_LINES }, workspace) => {
    const at = await workspace.resolve(path);
    return {
      effects: [{ kind: 'read', path: at }],
      run: async (context) => {
        const { text, digest } = await readText(at, context);
        return {
          text: numbered(text.split('\n'), offset, limit),
          filesChanged: [],
          reads: haveRead(context.reads, at.real!, digest),
        };
      },
    };
  },
};

export const writeTool: Tool<z.output<typeof writeInput>> = {
  name: 'write',
  description: 'Writes a whole file, new or in the place of one that has been read.',
  input: writeInput,
  prepare: ({ path, content }, workspace) =>
    rewriting(path, workspace, () => ({ content, said: `${path} is written.` }), { mayBeNew: true }),
};

export const editTool: Tool<z.output<typeof editInput>> = {
  name: 'edit',
  description: 'Replaces a piece of text in a file that has been read.',
  input: editInput,
  prepare: ({ path, ...one }, workspace) => rewriting(path, workspace, (text) => applied(text, path, [one])),
};

export const multiEditTool: Tool<z.output<typeof multiEditInput>> = {
  name: 'multi_edit',
  description: 'Replaces several pieces of text in a file that has been read; all of them or none.',
  input: multiEditInput,
  prepare: ({ path, edits }, workspace) => rewriting(path, workspace, (text) => applied(text, path, edits)),
};

interface Rewritten {
  content: string;
  said: string;
}

async function rewriting(
  requested: string,
  workspace: Workspace,
  make: (text: string) => Rewritten,
  { mayBeNew = false } = {},
): Promise<PreparedCall> {
  const path = await workspace.resolve(requested);
  return {
    effects: [{ kind: 'write', path }],
    run: (context) => rewrite(path, context, make, mayBeNew),
  };
}

/** Replaces a file by what is made of it, once for each call. */
async function rewrite(
  path: PathRef,
  context: ToolContext,
  make: (text: string) => Rewritten,
  mayBeNew: boolean,
): Promise<ToolResult> {
  const { workspace, journal, callId, reads } = context;
  const { requested } = path;
  const there = await workspace.read(path, FILE_BYTES);
  const before = there ? sha256(there.bytes) : null;
  const known = await journal.find(callId);
  const done = (text: string, after: string): ToolResult => ({
    text,
    filesChanged: [path.real!],
    reads: haveRead(reads, path.real!, after),
  });
  if (known && known.path === path.real && known.after === before) return done(known.text, known.after);
  if (!there && !mayBeNew) throw new ToolError('NO_FILE', `There is no file ${JSON.stringify(requested)}.`);
  if (there) requireFresh(path, before!, context);
  const { content, said } = make(there ? textOf(there.bytes, requested) : '');
  const bytes = Buffer.from(content);
  if (bytes.length > FILE_BYTES)
    throw new ToolError('TOO_LARGE', `The file would have ${bytes.length} bytes, more than ${FILE_BYTES}.`);
  const after = sha256(bytes);
  await workspace.replace(path, { bytes, mode: there?.mode ?? NEW_FILE_MODE, callId }, async () => {
    await journal.write({ callId, path: path.real!, before, after, text: said });
    failpoint('agents.write.noted');
  });
  failpoint('agents.write.replaced');
  return done(said, after);
}

function requireFresh({ requested, real }: PathRef, digest: string, { reads }: ToolContext): void {
  const seen = lastRead(reads, real!);
  if (seen === digest) return;
  throw new ToolError(
    'STALE',
    seen === undefined
      ? `Read ${JSON.stringify(requested)} before you change it.`
      : `${JSON.stringify(requested)} has changed since you read it; read it again, and decide anew.`,
  );
}

function applied(text: string, path: string, changes: readonly Change[]): Rewritten {
  let content = text;
  changes.forEach((one, at) => {
    content = appliedOne(content, one, changes.length > 1 ? `edit ${at + 1}: ` : '');
  });
  const count = changes.length;
  return { content, said: `${path} is changed${count > 1 ? ` in ${count} places` : ''}.` };
}

function appliedOne(
  text: string,
  { old_string: old, new_string: replacement, replace_all: all }: Change,
  which: string,
): string {
  if (old === replacement)
    throw new ToolError('BAD_ARGUMENTS', `${which}old_string and new_string are the same.`);
  const parts = text.split(old);
  const found = parts.length - 1;
  if (found === 0)
    throw new ToolError(
      'NO_MATCH',
      `${which}old_string is not in the file; read it again, and take the text as it is.`,
    );
  if (found > 1 && !all)
    throw new ToolError(
      'NO_MATCH',
      `${which}old_string is there ${found} times; take more of the text around it, or set replace_all.`,
    );
  return parts.join(replacement);
}

/** All of a text file that was judged. Throws {@link ToolError}. */
export async function readText(
  path: PathRef,
  { workspace }: Pick<ToolContext, 'workspace'>,
): Promise<{ text: string; digest: string }> {
  const found = await workspace.read(path, FILE_BYTES);
  if (!found) throw new ToolError('NO_FILE', `There is no file ${JSON.stringify(path.requested)}.`);
  return { text: textOf(found.bytes, path.requested), digest: sha256(found.bytes) };
}

/** Written again as it was: a file that is no UTF-8 would not be. */
function textOf(bytes: Buffer, requested: string): string {
  const text = bytes.toString('utf8');
  if (text.includes('\0') || !Buffer.from(text).equals(bytes))
    throw new ToolError('BINARY', `${JSON.stringify(requested)} is no text in UTF-8.`);
  return text;
}

function numbered(lines: readonly string[], offset: number, limit: number): string {
  const shown: string[] = [];
  let characters = 0;
  for (const [at, line] of lines.slice(offset - 1, offset - 1 + limit).entries()) {
    const cut = line.length > LINE_CHARACTERS ? `${line.slice(0, LINE_CHARACTERS)}…` : line;
    characters += cut.length;
    if (characters > ANSWER_CHARACTERS) break;
    shown.push(`${offset + at}\t${cut}`);
  }
  const rest = lines.length - (offset - 1 + shown.length);
  const more = rest > 0 ? `\n(${rest} more lines; read on with offset ${offset + shown.length})` : '';
  return `${shown.join('\n')}${more}`;
}
