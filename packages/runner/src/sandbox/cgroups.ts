/**
 * Job: a control group for each worker process, with the kernel's own bounds on memory, tasks and processor time.
 *
 * Boundary: makes, fills in and removes directories of the cgroup file system. Who enters a group does so by itself
 * ({@link ControlGroup.entries}), before it runs anything else.
 *
 * Invariants
 * 1. All groups lie in one group of this supervisor, which all tenants together share: their processor time weighs
 *    what one group or process of the platform does, however many workers there are.
 * 2. What a killed supervisor left is emptied and removed by the next `open` of any: its group is named by its process.
 * 3. What cannot be made is no wall; `controllers` has only what a trial write has shown to work.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import {
  CONTROLLERS,
  groupPlaces,
  readCgroupFiles,
  type Controller,
  type GroupPlace,
} from './cgroup-paths.js';
import { type SandboxLimits } from './sandbox.js';

/** A file of a group and what is written there; one that is `optional` is not there on every kernel. */
export interface GroupSetting {
  file: string;
  value: string;
  optional?: boolean;
}

const CPU_PERIOD_US = 100_000;
/** How often and for how long the removal of a group is tried whose last process is still ending. */
const REMOVE_EVERY_MS = 50;
const REMOVE_TRIES = 60;

/** What bounds one worker. */
export function workerSettings(
  version: 1 | 2,
  controller: Controller,
  limits: SandboxLimits,
): GroupSetting[] {
  const memory = String(limits.memoryBytes);
  const quota = String(Math.round(limits.cpus * CPU_PERIOD_US));
  if (controller === 'pids') return [{ file: 'pids.max', value: String(limits.tasks) }];
  if (controller === 'memory')
    return version === 1
      ? [
          { file: 'memory.limit_in_bytes', value: memory },
          { file: 'memory.memsw.limit_in_bytes', value: memory, optional: true },
        ]
      : [
          { file: 'memory.max', value: memory },
          { file: 'memory.swap.max', value: '0', optional: true },
          { file: 'memory.oom.group', value: '1', optional: true },
        ];
  if (limits.cpus === 0) return [];
  return version === 1
    ? [
        { file: 'cpu.cfs_period_us', value: String(CPU_PERIOD_US), optional: true },
        { file: 'cpu.cfs_quota_us', value: quota, optional: true },
      ]
    : [{ file: 'cpu.max', value: `${quota} ${CPU_PERIOD_US}` }];
}

/**
 * What all workers together weigh against one other group or process: the same. Less would make each task of a run wait
 * longer beside Temporal on a machine that is merely busy; what one worker may take is bounded by its own quota.
 */
export function sharedSettings(version: 1 | 2): GroupSetting[] {
  return [version === 1 ? { file: 'cpu.shares', value: '1024' } : { file: 'cpu.weight', value: '100' }];
}

/** The groups of one worker process, one for each place. */
export interface ControlGroup {
  /** The files into which a process writes `0` to enter. */
  entries: string[];
  /** Whether the kernel ended a process of it for reaching the bound on memory. */
  ranOutOfMemory: () => boolean;
  /** Bounds its processor time to so many cores from now on, where the kernel can. */
  boundCpus: (cpus: number) => void;
  /** Removes it, once its processes have ended. */
  remove: () => Promise<void>;
}

export class ControlGroups {
  #made = 0;

  private constructor(
    private readonly places: readonly (GroupPlace & { shared: string })[],
    private readonly limits: SandboxLimits,
  ) {}

  /**
   * Finds what is delegated to this process and clears what a killed one left.
   */
  static async open(limits: SandboxLimits, files = readCgroupFiles()): Promise<ControlGroups> {
    const usable: (GroupPlace & { shared: string })[] = [];
    const own = `${groupName(process.pid)}-${(opened += 1)}`;
    for (const place of groupPlaces(files)) {
      await Promise.all(abandoned(place.dir).map((name) => clear(join(place.dir, name))));
      const shared = join(place.dir, own);
      try {
        prepare(place, shared);
        usable.push({ ...place, shared });
      } catch {
        // Delegated by its permissions, refused by the kernel: not a wall here.
        remove(shared);
      }
    }
    return new ControlGroups(usable, limits);
  }

  /** The controllers that bound every worker here. */
  get controllers(): Controller[] {
    return CONTROLLERS.filter((name) => this.places.some(({ controllers }) => controllers.includes(name)));
  }

  /** A fresh group with its bounds in force. @throws Error when the kernel refuses one */
  make(): ControlGroup {
    const name = `worker-${(this.#made += 1)}`;
    const groups = this.places.map((place) => {
      const dir = join(place.shared, name);
      mkdirSync(dir);
      for (const controller of place.controllers)
        write(dir, workerSettings(place.version, controller, this.limits));
      return { ...place, dir };
    });
    const dirs = groups.map(({ dir }) => dir);
    return {
      entries: dirs.map((dir) => join(dir, 'cgroup.procs')),
      ranOutOfMemory: () => dirs.some((dir) => MEMORY_EVENTS.some((file) => counts(join(dir, file)))),
      boundCpus: (cpus) => {
        for (const { dir, version, controllers } of groups) {
          if (!controllers.includes('cpu')) continue;
          const settings = workerSettings(version, 'cpu', { ...this.limits, cpus });
          // It may be gone, if its processes have just ended.
          write(
            dir,
            settings.map((setting) => ({ ...setting, optional: true })),
          );
        }
      },
      remove: async () => {
        await Promise.all(dirs.map(removeWhenEmpty));
      },
    };
  }

  /** Removes what all workers shared; they must be gone. */
  async close(): Promise<void> {
    await Promise.all(this.places.map(({ shared }) => clear(shared)));
  }
}

/** Where the kernel counts what it ended for want of memory: version 2, version 1. */
const MEMORY_EVENTS = ['memory.events', 'memory.oom_control'];

function counts(file: string): boolean {
  try {
    return /^oom_kill [1-9]/m.test(readFileSync(file, 'utf8'));
  } catch {
    return false;
  }
}

/** A process may open several: they share nothing. */
let opened = 0;

/** A process by number and by the moment it began, since numbers are used again. */
function groupName(pid: number): string {
  return `pegasus-tenants-${pid}-${startedAt(pid) ?? 0}`;
}

/** In clock ticks since the machine began; `undefined` for a process that is not there. */
function startedAt(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name, in parentheses, may have spaces; the twentieth field after it is the start.
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]);
  } catch {
    return undefined;
  }
}

/** Groups here whose supervisor is gone (invariant 2). */
function abandoned(dir: string): string[] {
  return readdirSync(dir).filter((name) => {
    const pid = /^pegasus-tenants-(\d+)-\d+-\d+$/.exec(name)?.[1];
    return pid !== undefined && !name.startsWith(`${groupName(Number(pid))}-`);
  });
}

/** Makes the group of all workers, and one trial group in it. */
function prepare(place: GroupPlace, shared: string): void {
  mkdirSync(shared, { recursive: true });
  if (place.own) moveOut(place.dir);
  if (place.version === 2) {
    const enable = place.controllers.map((name) => `+${name}`).join(' ');
    if (place.own) write(place.dir, [{ file: 'cgroup.subtree_control', value: enable }]);
    write(shared, [{ file: 'cgroup.subtree_control', value: enable }]);
  }
  if (place.controllers.includes('cpu')) write(shared, sharedSettings(place.version));
  const trial = join(shared, 'trial');
  mkdirSync(trial, { recursive: true });
  rmdirSync(trial);
}

/** Moves every process of a group into one below it: only then may it hand controllers on (version 2). */
function moveOut(dir: string): void {
  const leaf = join(dir, 'pegasus-platform');
  mkdirSync(leaf, { recursive: true });
  for (const pid of processesOf(dir)) writeFileSync(join(leaf, 'cgroup.procs'), String(pid));
}

function write(dir: string, settings: readonly GroupSetting[]): void {
  for (const { file, value, optional } of settings)
    try {
      writeFileSync(join(dir, file), value);
    } catch (error) {
      if (!optional) throw error;
    }
}

function processesOf(dir: string): number[] {
  try {
    return readFileSync(join(dir, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

/** Kills what still runs in the groups of a predecessor, and removes them (invariant 2). */
async function clear(shared: string): Promise<void> {
  const names = readdirSync(shared, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  const dirs = names.map((entry) => join(shared, entry.name));
  for (const dir of dirs)
    for (const pid of processesOf(dir))
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It has ended meanwhile.
      }
  await Promise.all(dirs.map(removeWhenEmpty));
  await removeWhenEmpty(shared);
}

async function removeWhenEmpty(dir: string): Promise<void> {
  for (let tries = 0; tries < REMOVE_TRIES && !remove(dir); tries += 1) await delay(REMOVE_EVERY_MS);
}

/** @returns whether it is gone */
function remove(dir: string): boolean {
  try {
    rmdirSync(dir);
    return true;
  } catch {
    return !existsSync(dir);
  }
}
