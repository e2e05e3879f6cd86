import { readdir, readFile } from 'node:fs/promises';

export interface ProcessInfo {
  pid: number;
  parent: number;
  command: string;
  /** Resident memory, bytes. */
  rss: number;
}

/** Every live process that descends from `root`, read from /proc. */
export async function descendantsOf(root: number): Promise<ProcessInfo[]> {
  const all = (await Promise.all((await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(inspect)))
    .flat()
    .filter(({ state }) => state !== 'Z');
  const found: ProcessInfo[] = [];
  for (let parents = [root]; parents.length > 0;) {
    const children = all.filter(({ parent }) => parents.includes(parent));
    found.push(...children);
    parents = children.map(({ pid }) => pid);
  }
  return found;
}

async function inspect(pid: string): Promise<(ProcessInfo & { state: string })[]> {
  try {
    const status = await readFile(`/proc/${pid}/status`, 'utf8');
    const command = (await readFile(`/proc/${pid}/cmdline`, 'utf8')).replaceAll('\0', ' ').trim();
    const field = (name: string): string => new RegExp(`^${name}:\\s+(\\S+)`, 'm').exec(status)?.[1] ?? '';
    const rss = Number(field('VmRSS')) * 1024;
    return [{ pid: Number(pid), parent: Number(field('PPid')), command, rss, state: field('State') }];
  } catch {
    return []; // it ended while we were looking
  }
}
