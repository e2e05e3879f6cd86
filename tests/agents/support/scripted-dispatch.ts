import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ScriptedTurn } from '@pegasus-workflows/agents';

/** Workspaces, transcripts of dispatches in them, and the file that an agent host is started with. */
export interface AgentsHome {
  file: string;
  /** The folder of a workspace, or for other hosts' dispatches, by its name. */
  workspace: (name: string) => string;
  remove: () => Promise<void>;
}

export async function agentsHome(
  workspaces: readonly string[],
  scripts: Record<string, readonly ScriptedTurn[]>,
  remotes: Record<string, { dispatches?: number }> = {},
): Promise<AgentsHome> {
  const home = await mkdtemp(join(tmpdir(), 'pegasus-agents-'));
  for (const name of workspaces) await mkdir(join(home, name));
  const models = await Promise.all(
    Object.entries(scripts).map(async ([name, turns]) => {
      await writeFile(join(home, `${name}.json`), JSON.stringify(turns));
      return `[[models]]\nkind = "scripted"\nname = "${name}"\ntranscript = "${name}.json"\n`;
    }),
  );
  const file = join(home, 'agents.toml');
  const folders = workspaces.map((name) => `[[workspaces]]\nname = "${name}"\npath = "${name}"\n`);
  const taking = Object.entries(remotes).map(
    ([name, { dispatches = 4 }]) => `[[remotes]]\npath = "${name}"\ndispatches = ${dispatches}\n`,
  );
  await writeFile(file, [...folders, ...taking, ...models].join('\n'));
  return {
    file,
    workspace: (name) => join(home, name),
    remove: () => rm(home, { recursive: true, force: true }),
  };
}

/**
 * A transcript of so many turns: notes are read, written, and one file has one line more after every turn. An edit that
 * is made twice, or not at all, makes the next one fail, since its text is not there any more.
 */
export function counting(turns: number): ScriptedTurn[] {
  const script: ScriptedTurn[] = [
    {
      calls: [{ name: 'write', arguments: { path: 'count.txt', content: 'line 0\n' } }],
      usage: { in: 100, out: 7 },
    },
  ];
  for (let n = 1; n < turns - 1; n += 1) {
    const calls =
      n % 10 === 0
        ? [
            { name: 'read', arguments: { path: 'count.txt' } },
            { name: 'glob', arguments: { pattern: '*.txt' } },
          ]
        : n % 10 === 5
          ? [{ name: 'write', arguments: { path: `notes/${n}.txt`, content: `note ${n}\n` } }]
          : [
              {
                name: 'edit',
                arguments: {
                  path: 'count.txt',
                  old_string: lastLine(n),
                  new_string: `${lastLine(n)}line ${n}\n`,
                },
              },
            ];
    script.push({ calls, usage: { in: 100 + n, out: 7 } });
  }
  script.push({ text: 'counted', usage: { in: 100 + turns, out: 7 } });
  return script;
}

function isEdit(n: number): boolean {
  return n % 5 !== 0;
}

function lastLine(n: number): string {
  for (let before = n - 1; before > 0; before -= 1) if (isEdit(before)) return `line ${before}\n`;
  return 'line 0\n';
}

/** What there has to be after {@link counting}: each file by its path. */
export function counted(turns: number): Record<string, string> {
  const files: Record<string, string> = { 'count.txt': 'line 0\n' };
  for (let n = 1; n < turns - 1; n += 1) {
    if (isEdit(n)) files['count.txt'] += `line ${n}\n`;
    else if (n % 10 === 5) files[`notes/${n}.txt`] = `note ${n}\n`;
  }
  return files;
}

/** Tokens of {@link counting}. */
export function usageOf(script: readonly ScriptedTurn[]): { tokensIn: number; tokensOut: number } {
  const sum = (unit: 'in' | 'out'): number =>
    script.reduce((all, turn) => all + (turn.usage?.[unit] ?? 0), 0);
  return { tokensIn: sum('in'), tokensOut: sum('out') };
}

/** Every file of a workspace but the dispatcher's own. */
export async function filesIn(folder: string): Promise<Record<string, string>> {
  const files: Record<string, string> = {};
  for (const entry of await readdir(folder, { withFileTypes: true, recursive: true })) {
    const path = join(entry.parentPath, entry.name);
    const name = path.slice(folder.length + 1);
    if (entry.isFile() && !name.startsWith('.pugi/')) files[name] = await readFile(path, 'utf8');
  }
  return files;
}
