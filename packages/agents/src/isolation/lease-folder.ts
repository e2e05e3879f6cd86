import { randomBytes } from 'node:crypto';
import { lstat, mkdir, readdir, readFile, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PegasusError } from '@pegasus-workflows/contracts';
import { z } from 'zod';
import { fateOf, kill, killMarked, pause, processSchema, statOf, type ProcessRef } from './processes.js';

/** The folders of a lease: what is in them, who may have them next, and how one that was revoked is made harmless. */

/** What is in the environment of every program that was started under a lease. Its value is the lease's folder. */
export const LEASE_MARK = 'PEGASUS_LEASE';
export const LONGEST_MS = 600_000;
/** Revoked folders that are kept: the names of the last ones say which token is next. */
const KEPT = 8;
const KILL_MS = 10_000;
const NAME = /^(lease|revoked)-(\d{6,15})$/;

export const holderSchema = z.strictObject({
  holder: z.string(),
  process: processSchema,
  counter: z.number().int().nonnegative(),
  lengthMs: z.number().int().positive().max(LONGEST_MS),
});
export type LeaseHolder = z.output<typeof holderSchema>;

interface Named {
  name: string;
  kind: 'lease' | 'revoked';
  token: number;
}

export async function leaseNames(folder: string): Promise<Named[]> {
  const found: Named[] = [];
  for (const name of await readdir(folder)) {
    const match = NAME.exec(name);
    if (match) found.push({ name, kind: match[1] as Named['kind'], token: Number(match[2]) });
  }
  return found;
}

export const nameOf = (kind: Named['kind'], token: number): string =>
  `${kind}-${String(token).padStart(6, '0')}`;
export const topToken = (names: readonly Named[]): number => Math.max(0, ...names.map(({ token }) => token));

/** The one that is held: it has the highest token of all, and that one was not revoked. */
export function currentOf(names: readonly Named[]): Named | undefined {
  const [first, ...more] = names.filter(({ token }) => token === topToken(names));
  return first?.kind === 'lease' && more.length === 0 ? first : undefined;
}

export interface SeenHolder {
  /** As it is in the file: another text is another counter. */
  text: string;
  /** `undefined` for what cannot be read. */
  holder: LeaseHolder | undefined;
}

/** `undefined`: the folder is gone. */
export async function readHolder(folder: string): Promise<SeenHolder | undefined> {
  const text = await readFile(join(folder, 'holder.json'), 'utf8').catch(goneAs(undefined));
  if (text === undefined) return undefined;
  try {
    return { text, holder: holderSchema.safeParse(JSON.parse(text)).data };
  } catch {
    return { text, holder: undefined };
  }
}

/** Writes by path alone: throws ENOENT once the folder was renamed. */
export async function writeHolder(folder: string, holder: LeaseHolder): Promise<void> {
  const temporary = join(folder, 'holder.json.new');
  await writeFile(temporary, JSON.stringify(holder), { mode: 0o600 });
  await rename(temporary, join(folder, 'holder.json'));
}

/**
 * Makes a whole lease under another name and gives it the token's: a name that is taken has something in it, so the
 * rename fails for all but one, and there is never a lease without its holder.
 * @returns the lease's folder; `undefined` when somebody else was first
 */
export async function claim(folder: string, token: number, holder: LeaseHolder): Promise<string | undefined> {
  const made = join(folder, `.new-${randomBytes(8).toString('hex')}`);
  const lease = join(folder, nameOf('lease', token));
  await mkdir(join(made, 'stage'), { recursive: true, mode: 0o700 });
  await mkdir(join(made, 'programs'), { mode: 0o700 });
  await writeHolder(made, holder);
  try {
    await rename(made, lease);
  } catch (error) {
    await rm(made, { recursive: true, force: true });
    if (['ENOTEMPTY', 'EEXIST'].includes(codeOf(error))) return undefined;
    throw error;
  }
  // Whoever was slow may have made a token that was held and given back meanwhile.
  const isMine = (await leaseNames(folder)).every(
    (one) => one.token < token || one.name === nameOf('lease', token),
  );
  if (isMine) return lease;
  await discardFolder(folder, lease);
  return undefined;
}

/** Answers whether it was this call that has revoked it. */
export async function revoke(folder: string, token: number): Promise<boolean> {
  try {
    await rename(join(folder, nameOf('lease', token)), join(folder, nameOf('revoked', token)));
    return true;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false;
    throw error;
  }
}

/**
 * Makes every lease below a token harmless. Throws CONFLICT when a program of an earlier holder cannot be ended from
 * here.
 */
export async function settleBelow(folder: string, token: number): Promise<void> {
  const below = (await leaseNames(folder)).filter((one) => one.token < token);
  // A crash within `claim` leaves one that nobody has.
  for (const one of below) if (one.kind === 'lease') await revoke(folder, one.token);
  const revoked = below.map((one) => nameOf('revoked', one.token));
  for (const name of new Set(revoked)) await settle(folder, name);
  await prune(folder);
}

/**
 * Ends what was started under a lease and empties its stage. A system call that was on its way when the folder was
 * renamed may still come through: it finds its file gone, or the folder is not empty and is looked at again.
 */
export async function settle(folder: string, name: string): Promise<void> {
  const revoked = join(folder, name);
  const seen = await readHolder(revoked);
  const programs = join(revoked, 'programs');
  for (;;) {
    const records = await readdir(programs).catch(goneAs(undefined));
    if (!records) break;
    if (records.length > 0) await endPrograms(join(folder, name.replace('revoked', 'lease')), records, seen);
    for (const record of records) await rm(join(programs, record), { force: true });
    if (await removeEmpty(programs)) break;
  }
  const stage = join(revoked, 'stage');
  for (;;) {
    const names = await readdir(stage).catch(goneAs(undefined));
    if (!names) return;
    for (const one of names) await rm(join(stage, one), { recursive: true, force: true });
    if (await removeEmpty(stage)) return;
  }
}

async function endPrograms(
  lease: string,
  records: readonly string[],
  seen: SeenHolder | undefined,
): Promise<void> {
  const refuse = (why: string): never => {
    throw new PegasusError(
      'CONFLICT',
      `lease: ${why}, so nobody else may write; end them there, then remove ${lease.replace(/lease-(\d+)$/, 'revoked-$1')}/programs.`,
    );
  };
  const place = seen?.holder?.process;
  // Its number in a namespace that is not ours says nothing.
  if (!place || (await isElsewhere(place))) refuse('programs of the last holder may run on another host');
  if (await hasRestarted(place!)) return;
  for (const record of records) {
    const [pid = '', start = ''] = record.split('.');
    if (!(await endProgram(Number(pid), start))) refuse('a program of the last holder does not end');
  }
  // Those as well that have left their group.
  if (!(await killMarked(LEASE_MARK, lease, KILL_MS))) refuse('programs of the last holder do not end');
}

/** Answers whether it has ended. A number that was given to somebody else by now is spared. */
async function endProgram(pid: number, start: string): Promise<boolean> {
  const until = performance.now() + KILL_MS;
  for (;;) {
    const found = await statOf(pid);
    if (found?.start !== start || found.isDead) return true;
    if (performance.now() > until) return false;
    kill(found.group === pid ? -pid : pid);
    await pause(2);
  }
}

const isElsewhere = async (place: ProcessRef): Promise<boolean> => (await fateOf(place)) === 'unknown';

/** No process of that boot is there any more. */
async function hasRestarted(place: ProcessRef): Promise<boolean> {
  const boot = await readFile('/proc/sys/kernel/random/boot_id', 'utf8');
  return boot.trim() !== place.boot;
}

async function prune(folder: string): Promise<void> {
  const revoked = (await leaseNames(folder)).filter(({ kind }) => kind === 'revoked');
  const old = revoked.sort((a, b) => b.token - a.token).slice(KEPT);
  for (const { name } of old) await rm(join(folder, name), { recursive: true, force: true });
  for (const name of await readdir(folder)) {
    if (!name.startsWith('.new-')) continue;
    const holder = (await readHolder(join(folder, name)))?.holder;
    if (holder && (await fateOf(holder.process)) === 'gone')
      await rm(join(folder, name), { recursive: true, force: true });
  }
}

/** By a rename first: a folder that is removed piece by piece would be a lease without its holder. */
async function discardFolder(folder: string, path: string): Promise<void> {
  const dead = join(folder, `.dead-${randomBytes(8).toString('hex')}`);
  await rename(path, dead).catch(goneAs(undefined));
  await rm(dead, { recursive: true, force: true });
}

async function removeEmpty(path: string): Promise<boolean> {
  try {
    await rmdir(path);
    return true;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return true;
    if (codeOf(error) === 'ENOTEMPTY') return false;
    throw error;
  }
}

export const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? '';

/** For a `catch`: what is not there is `value`. */
export function goneAs<T>(value: T): (error: unknown) => T {
  return (error) => {
    if (codeOf(error) === 'ENOENT') return value;
    throw error;
  };
}

/** Whether there is anything of this name, a link to nothing included. */
export async function isThere(path: string): Promise<boolean> {
  return (await lstat(path).catch(goneAs(undefined))) !== undefined;
}
