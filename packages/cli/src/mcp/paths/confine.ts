/**
 * Job: which folders and files of this machine a tool may touch.
 *
 * Boundary: looks at the file system and changes nothing. It guards against what a call asks for and what a project
 * holds, not against another process that swaps a folder for a link between the look and the use.
 *
 * Invariants
 * 1. The boundary of a call is the folder that it names (`project_dir`, `dest`, the folder of `path_or_toml`), symbolic
 *    links resolved first. Nothing outside of it is read or written; npm packages, which Node finds where they are
 *    installed, are the exception, and only packaging reads them.
 * 2. A path with a `..` segment is refused. A relative path starts at the server's working directory and must still be
 *    below it once its links are resolved.
 * 3. Where the client offers roots, the boundary must also lie in one of them, links resolved on both sides. An empty
 *    list of roots says nothing; one of which no root is a folder of this machine allows nothing.
 * 4. A link inside the boundary that leads out of it, or to nothing, is refused; one that stays inside is followed.
 * 5. A refusal is one sentence that names the parameter. It repeats the path that was asked for, and of what lies
 *    behind a link only that it is outside.
 */
import type { Stats } from 'node:fs';
import { lstat, realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import { PegasusError } from '@pegasus-workflows/contracts';
import { isWithin } from '../../files/is-within.js';
import { isCode } from '../../files/write-atomically.js';

/** Longer than any path that Linux, macOS or Windows takes. */
const LONGEST_PATH = 4096;

export interface Surroundings {
  /** The server's working directory, absolute. */
  cwd: string;
  /** The client's roots, absolute and real; undefined when it offers none. */
  roots(): Promise<readonly string[] | undefined>;
}

export class Confinement {
  constructor(private readonly surroundings: Surroundings) {}

  /** An existing folder. @returns its real path. @throws PegasusError VALIDATION_ERROR, NOT_FOUND or FORBIDDEN */
  async folder(parameter: string, text: string): Promise<string> {
    const named = this.#named(parameter, text);
    const real = await realOf(parameter, text, named);
    if (real === undefined) throw new PegasusError('NOT_FOUND', `${parameter} "${text}" does not exist.`);
    if (!(await stat(real)).isDirectory())
      throw new PegasusError('VALIDATION_ERROR', `${parameter} "${text}" is not a folder.`);
    await this.#check(parameter, text, real);
    return real;
  }

  /** A folder that may not be there yet. @returns its path, real as far as it exists. Throws as {@link folder} does */
  async newFolder(parameter: string, text: string): Promise<string> {
    const named = this.#named(parameter, text);
    if ((await entryAt(named))?.isSymbolicLink())
      throw new PegasusError('FORBIDDEN', `${parameter} "${text}" is a symbolic link.`, {
        hint: 'Name the folder itself.',
      });
    let existing = named;
    let real = await realOf(parameter, text, existing);
    while (real === undefined && path.dirname(existing) !== existing) {
      existing = path.dirname(existing);
      real = await realOf(parameter, text, existing);
    }
    const target = path.join(real ?? existing, path.relative(existing, named));
    await this.#check(parameter, text, target);
    return target;
  }

  /** Invariant 2, as far as the text tells. @returns the path, absolute */
  #named(parameter: string, text: string): string {
    const refuse = (what: string, hint: string): never => {
      const shown = text.length > 200 || hasControl(text) ? '' : ` "${text}"`;
      throw new PegasusError('VALIDATION_ERROR', `${parameter}${shown} ${what}.`, { hint });
    };
    if (text.trim() === '') refuse('is empty', 'Give the path of a folder.');
    if (text.length > LONGEST_PATH)
      refuse(`is longer than ${LONGEST_PATH} characters`, 'Give the path of a folder.');
    if (hasControl(text)) refuse('has a control character in it', 'Give the path of a folder.');
    if (text.split(/[\\/]/).includes('..')) refuse('has a ".." in it', 'Give the absolute path.');
    if (text.startsWith('~')) refuse('starts with "~", which only a shell knows', 'Give the absolute path.');
    return path.resolve(this.surroundings.cwd, text);
  }

  /** Invariants 2 and 3. */
  async #check(parameter: string, text: string, real: string): Promise<void> {
    const { cwd } = this.surroundings;
    if (!path.isAbsolute(text) && !isWithin(await realpath(cwd), real))
      throw new PegasusError('FORBIDDEN', `${parameter} "${text}" leads out of the working directory.`, {
        hint: 'A link is in the way; give the absolute path of the folder you mean.',
      });
    const roots = await this.surroundings.roots();
    if (roots && !roots.some((root) => isWithin(root, real)))
      throw new PegasusError('FORBIDDEN', `${parameter} "${text}" lies outside the roots of this client.`, {
        hint:
          roots.length > 0
            ? `Name a folder below ${roots.join(' or ')}.`
            : 'None of its roots is a folder of this machine.',
      });
  }
}

/**
 * Something below a confined folder (invariant 4).
 *
 * @param folder as {@link Confinement} returned it
 * @param file relative, with `/`
 * @returns its real path; undefined when there is nothing
 * @throws PegasusError FORBIDDEN when a link leads out of the folder, or to nothing
 */
export async function below(folder: string, file: string): Promise<string | undefined> {
  const place = path.resolve(folder, file);
  const outside = (what: string): PegasusError =>
    new PegasusError('FORBIDDEN', `"${file}" ${what}.`, {
      hint: 'Replace the link by the file or folder itself.',
    });
  if (!isWithin(folder, place)) throw outside('lies outside the folder');
  let real: string;
  try {
    real = await realpath(place);
  } catch (error) {
    if (!isCode(error, 'ENOENT') && !isCode(error, 'ENOTDIR')) throw outside(unreachable(error));
    if (await hasDanglingLink(folder, file)) throw outside('is or goes through a symbolic link to nothing');
    return undefined;
  }
  if (!isWithin(folder, real))
    throw outside('is or goes through a symbolic link that leads outside the folder');
  return real;
}

async function realOf(parameter: string, text: string, named: string): Promise<string | undefined> {
  try {
    return await realpath(named);
  } catch (error) {
    if (isCode(error, 'ENOTDIR'))
      throw new PegasusError('VALIDATION_ERROR', `${parameter} "${text}" goes through a file.`);
    if (!isCode(error, 'ENOENT'))
      throw new PegasusError('FORBIDDEN', `${parameter} "${text}" ${unreachable(error)}.`);
    if ((await entryAt(named))?.isSymbolicLink())
      throw new PegasusError('FORBIDDEN', `${parameter} "${text}" goes through a symbolic link to nothing.`);
    return undefined;
  }
}

function unreachable(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'an unknown error';
  return `cannot be reached (${code})`;
}

async function hasDanglingLink(folder: string, file: string): Promise<boolean> {
  const segments = file.split('/');
  for (let length = 1; length <= segments.length; length++) {
    const entry = await entryAt(path.join(folder, ...segments.slice(0, length)));
    if (entry === undefined) return false;
    if (!entry.isSymbolicLink()) continue;
    const there = await stat(path.join(folder, ...segments.slice(0, length))).then(
      () => true,
      () => false,
    );
    if (!there) return true;
  }
  return false;
}

async function entryAt(place: string): Promise<Stats | undefined> {
  try {
    return await lstat(place);
  } catch {
    return undefined;
  }
}

function hasControl(text: string): boolean {
  return /[\u0000-\u001f\u007f]/.test(text);
}
