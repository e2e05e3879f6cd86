import { existsSync } from 'node:fs';
import { readdir, realpath } from 'node:fs/promises';
import path from 'node:path';
import { PegasusError } from '@pegasus-workflows/contracts/errors';
import { type Context } from '../context.js';

export const MANIFEST_FILE = 'pegasus-workflows.toml';

export interface Place {
  /** What `-C` said, if it was given. */
  dir?: string | undefined;
  /** The workflow that was asked for: settles which of several subfolders is meant. */
  workflow?: string | undefined;
}

/**
 * The root of the project a command is about: `-C`, else this folder or the nearest above with a manifest, else a
 * subfolder with one: the one named like the workflow, or the only one there is, which a note then says.
 *
 * @returns an absolute path
 * @throws PegasusError NOT_FOUND when there is none, VALIDATION_ERROR when several subfolders could be meant
 */
export async function locateProject(context: Context, place: Place): Promise<string> {
  const { cwd, out } = context;
  if (place.dir !== undefined) {
    const root = path.resolve(cwd, place.dir);
    if (existsSync(path.join(root, MANIFEST_FILE))) return realpath(root);
    throw new PegasusError('NOT_FOUND', `There is no ${MANIFEST_FILE} in ${root}.`, {
      hint: 'Point -C at the folder that holds it.',
    });
  }
  const above = findUpward(cwd);
  if (above) return realpath(above);
  const below = await subprojects(cwd);
  const chosen = below.find((name) => name === place.workflow) ?? (below.length === 1 ? below[0] : undefined);
  if (chosen) {
    out.note(out.noteColors.quiet(`using the project in ./${chosen}`));
    return realpath(path.join(cwd, chosen));
  }
  if (below.length > 1)
    throw new PegasusError('VALIDATION_ERROR', `Several projects are in this folder: ${below.join(', ')}.`, {
      hint: `Name one: -C ${below[0]}`,
    });
  throw new PegasusError('NOT_FOUND', `There is no ${MANIFEST_FILE} in ${cwd} or any folder above.`, {
    hint: 'Go into a project, name it with -C, or make one: pegasus-workflows init <name>',
  });
}

/** The project that a folder is in, for commands that also work outside of one. */
export function findUpward(from: string): string | undefined {
  for (let folder = path.resolve(from); ; folder = path.dirname(folder)) {
    if (existsSync(path.join(folder, MANIFEST_FILE))) return folder;
    if (folder === path.dirname(folder)) return undefined;
  }
}

async function subprojects(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  return entries
    .filter((entry) => entry.isDirectory() && existsSync(path.join(folder, entry.name, MANIFEST_FILE)))
    .map((entry) => entry.name)
    .sort();
}
