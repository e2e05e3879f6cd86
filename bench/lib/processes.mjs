import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/**
 * Spawns a module of this folder with an IPC channel and resolves once it says `ready`. It ends with this process.
 * `ask(measure, options)` sends one request and resolves with its answer.
 */
export async function spawnModule(file, env) {
  const child = spawn(process.execPath, [fileURLToPath(new URL(file, import.meta.url))], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  // Kept for the message of a failure only: a worker's log lines are not the benchmark's output.
  let log = '';
  child.stderr.setEncoding('utf8').on('data', (text) => (log = (log + text).slice(-4_000)));
  const waiting = new Map();
  await new Promise((resolve, reject) => {
    child.once('exit', (code) => {
      const error = new Error(`${file} ended with ${code}:\n${log}`);
      for (const { reject: rejectAsk } of waiting.values()) rejectAsk(error);
      reject(error);
    });
    child.on('message', (message) => {
      if (message.type === 'ready') return resolve(undefined);
      const asked = waiting.get(message.id);
      waiting.delete(message.id);
      return message.error === undefined
        ? asked.resolve(message.answer)
        : asked.reject(new Error(message.error));
    });
  });
  let lastId = 0;
  return {
    pid: child.pid,
    ask: (measure, options) =>
      new Promise((resolve, reject) => {
        const id = (lastId += 1);
        waiting.set(id, { resolve, reject });
        child.send({ id, measure, options });
      }),
    close: () =>
      new Promise((resolve) => {
        waiting.clear();
        child.once('exit', resolve);
        child.disconnect();
      }),
  };
}

/** Every process below `root` as `{pid, command, rssBytes}`; Linux only, empty elsewhere. */
export function processesBelow(root) {
  const all = listProcesses();
  const found = [];
  const parents = [root];
  for (let parent = parents.pop(); parent !== undefined; parent = parents.pop()) {
    for (const one of all.filter(({ ppid }) => ppid === parent)) {
      found.push(one);
      parents.push(one.pid);
    }
  }
  return found;
}

/** Resident bytes of a process; 0 where that cannot be known. */
export function rssOf(pid) {
  return listProcesses().find((one) => one.pid === pid)?.rssBytes ?? 0;
}

/** Ticks of a second in which Linux counts processor time. */
const TICK_MS = 10;

/** Processor time of processes and all that is below them so far, in milliseconds; 0 where that cannot be known. */
export function cpuMsOf(pids) {
  const all = pids.flatMap((pid) => [pid, ...processesBelow(pid).map((below) => below.pid)]);
  return all.reduce((sum, pid) => sum + cpuMs(pid), 0);
}

function cpuMs(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name, in parentheses, may have spaces; user and system time are the twelfth and thirteenth field after it.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
  } catch {
    return 0; // it ended while we were looking, or this is not Linux
  }
}

function listProcesses() {
  if (process.platform !== 'linux') return [];
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const status = readFileSync(`/proc/${name}/status`, 'utf8');
        const command = readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
        const field = (key) => Number(new RegExp(`^${key}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? 0);
        return [{ pid: Number(name), ppid: field('PPid'), command, rssBytes: field('VmRSS') * 1024 }];
      } catch {
        return []; // it ended while we were looking
      }
    });
}
