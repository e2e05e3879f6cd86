import { randomBytes } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { PegasusError } from '@pegasus-workflows/contracts';
import { z } from 'zod';
import { sha256 } from '../digest.js';
import { goneAs } from './lease-folder.js';
import { WriterLease } from './lease.js';
import { processSchema } from './processes.js';

/**
 * What is known of each work tree of a workspace: one file for each, written whole, there before anything of the tree is
 * and gone after all of it.
 */
const id = z.string().regex(/^[0-9a-f]{40}([0-9a-f]{24})?$/);

export const treeStateSchema = z.strictObject({
  version: z.literal(1),
  taskId: z.string().min(1),
  name: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9-]*$/),
  branch: z.string().startsWith('pugi/'),
  /** The commit from which it was made. */
  base: id,
  /** Files of the workspace that were changed and not committed, so that they are not in the tree. */
  uncommitted: z.number().int().nonnegative(),
  /** Whose it is while it is being made, worked in or merged. */
  holder: processSchema,
  state: z.enum(['creating', 'working', 'finished', 'merging', 'merged']),
  /** What the branch has, once it is finished. */
  commit: id.optional(),
  /** A merge that was approved: `commit` comes upon `onto`, on the branch `ref`. */
  merge: z.strictObject({ ref: z.string().startsWith('refs/'), onto: id, commit: id }).optional(),
});
export type TreeState = z.output<typeof treeStateSchema>;

export const treesFolder = (root: string): string => join(root, '.pugi', 'worktrees');
export const treePath = (root: string, name: string): string => join(treesFolder(root), name);
export const leaseFolder = (root: string): string => join(root, '.pugi', 'lease');

/** A name for what may be any text: a part of it that can be read, and a digest that keeps it apart from others. */
export function treeName(taskId: string): string {
  const readable = taskId
    .replace(/[^A-Za-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 40);
  const digest = sha256(taskId).slice(0, 10);
  return `${readable.replace(/-+$/, '') || 'task'}-${digest}`;
}
export const branchOf = (taskId: string): string => `pugi/${treeName(taskId)}`;
export const refOf = ({ branch }: Pick<TreeState, 'branch'>): string => `refs/heads/${branch}`;

/** On disk when it resolves. */
export async function writeState(root: string, state: TreeState): Promise<void> {
  const folder = treesFolder(root);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const temporary = join(folder, `.${state.name}.${randomBytes(6).toString('hex')}`);
  const handle = await open(temporary, 'wx', 0o600);
  try {
    await handle.writeFile(JSON.stringify(treeStateSchema.parse(state)));
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(temporary, join(folder, `${state.name}.json`));
}

/** `undefined`: there is none. Throws CONFLICT for a file that is no state. */
export async function readState(root: string, name: string): Promise<TreeState | undefined> {
  const path = join(treesFolder(root), `${name}.json`);
  const text = await readFile(path, 'utf8').catch(goneAs(undefined));
  if (text === undefined) return undefined;
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch {
    raw = undefined;
  }
  const parsed = treeStateSchema.safeParse(raw);
  if (parsed.success && parsed.data.name === name) return parsed.data;
  throw new PegasusError(
    'CONFLICT',
    `.pugi/worktrees/${name}.json: is not the state of a work tree; remove it.`,
  );
}

export async function removeState(root: string, name: string): Promise<void> {
  await rm(join(treesFolder(root), `${name}.json`), { force: true });
}

/** Names of all the trees there are. */
export async function stateNames(root: string): Promise<string[]> {
  const names = await readdir(treesFolder(root)).catch(goneAs([]));
  return names.filter((name) => /^[A-Za-z0-9].*\.json$/.test(name)).map((name) => name.slice(0, -5));
}

/** What a crash has left of files that were being written; one that is new may be somebody's. */
export async function removeHalfWritten(root: string): Promise<void> {
  for (const name of await readdir(treesFolder(root)).catch(goneAs([]))) {
    if (!name.startsWith('.')) continue;
    const path = join(treesFolder(root), name);
    const found = await stat(path).catch(goneAs(undefined));
    if (found && Date.now() - found.mtimeMs > HALF_WRITTEN_MS)
      await rm(path, { recursive: true, force: true });
  }
}

const TREES_LEASE_MS = 5_000;
const HALF_WRITTEN_MS = 60_000;

/** One at a time makes or removes trees: git's own list of them is not made for more. */
export async function withTrees<T>(root: string, holder: string, work: () => Promise<T>): Promise<T> {
  const lease = await WriterLease.take({
    folder: join(root, '.pugi', 'trees-lease'),
    holder,
    lengthMs: TREES_LEASE_MS,
  });
  try {
    return await work();
  } finally {
    await lease.release();
  }
}
