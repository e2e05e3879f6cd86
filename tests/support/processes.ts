import { readdir, readFile } from 'node:fs/promises';

/**
 * Command lines of the live processes that name a text in their arguments or their environment: what a platform on a
 * data directory of its own has running. Reads /proc; empty where there is none.
 */
export async function processesNaming(text: string): Promise<string[]> {
  const pids = (await readdir('/proc').catch(() => [])).filter((name) => /^\d+$/.test(name));
  const found: string[] = [];
  for (const pid of pids) {
    if (Number(pid) === process.pid) continue;
    const [command, environment] = await Promise.all(
      ['cmdline', 'environ'].map((file) => readFile(`/proc/${pid}/${file}`, 'utf8').catch(() => '')),
    );
    if (`${command}\0${environment}`.includes(text)) found.push(`${pid} ${command?.replaceAll('\0', ' ')}`);
  }
  return found;
}
