import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import {
  CallJournal,
  ceilingOf,
  judge,
  PermissionEngine,
  Workspace,
  type CeilingRequest,
  type JudgedCall,
  type ShellRefusal,
  type ShellRequest,
  type ShellResult,
} from '@pegasus-workflows/agents';
import { parseEgressExceptions } from '@pegasus-workflows/kit/egress';
import pino from 'pino';
import { type SandboxLimits } from '../../../packages/runner/dist/sandbox/sandbox.js';
import { openShell, SHELL_LIMITS } from '../../../packages/runner/dist/sandbox/shell.js';
import { requireCommand } from '../../support/apt.js';

export type OpenedShell = Awaited<ReturnType<typeof openShell>>;

/** The real sandbox of this machine. @param allow as `PEGASUS_EGRESS_ALLOW` */
export async function realShell(allow = '', limits: Partial<SandboxLimits> = {}): Promise<OpenedShell> {
  await requireCommand('bwrap', 'bubblewrap');
  return openShell({
    mode: 'require',
    egress: { exceptions: parseEgressExceptions(allow), plainHttp: true },
    logger: pino({ level: 'silent' }),
    limits: { ...SHELL_LIMITS, ...limits },
  });
}

export function git(cwd: string, ...args: string[]): string {
  const settings = ['-c', 'user.name=Test', '-c', 'user.email=test@example.com'];
  return execFileSync('git', [...settings, ...args], { cwd, encoding: 'utf8' }).trim();
}

/** A folder with a repository `work`, which is a workspace. */
export class Place {
  private constructor(
    readonly folder: string,
    readonly root: string,
  ) {}

  static async make(): Promise<Place> {
    const folder = await realpath(await mkdtemp(join(tmpdir(), 'pegasus-bash-tool-')));
    const place = new Place(folder, join(folder, 'work'));
    await place.write('src/a.txt', 'one\n');
    git(place.root, 'init', '-q', '-b', 'main');
    git(place.root, 'add', '.');
    git(place.root, 'commit', '-qm', 'begin');
    await place.write('.pugi/events.jsonl', 'the log\n');
    return place;
  }

  async write(path: string, text: string): Promise<void> {
    const file = join(this.root, path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, text);
  }

  remove(): Promise<void> {
    return rm(this.folder, { recursive: true, force: true });
  }

  /** By the tool, under a ceiling. */
  judged(
    shell: OpenedShell,
    command: string,
    request: Partial<CeilingRequest> = {},
    more: { callId?: string; timeoutMs?: number } = {},
  ): Promise<JudgedCall> {
    const ceiling = ceilingOf({ permissionMode: 'auto', isolation: 'worktree', attended: true, ...request });
    const { callId = command, ...input } = more;
    return judge('bash', JSON.stringify({ command, ...input }), {
      workspace: new Workspace(this.root),
      permissions: new PermissionEngine(ceiling),
      ceiling,
      journal: new CallJournal(join(this.folder, 'journal')),
      reads: {},
      callId,
      signal: new AbortController().signal,
      shell,
    });
  }
}

/** What one command printed and how it ended, in the sandbox alone. @throws Error when it was refused */
export async function run(
  shell: OpenedShell,
  root: string,
  command: string,
  more: Partial<ShellRequest> = {},
  signal = new AbortController().signal,
): Promise<ShellResult & { text: string }> {
  const result: ShellResult | ShellRefusal = await shell.run(
    {
      command,
      cwd: root,
      root,
      network: false,
      paths: { writable: [''], denied: [] },
      env: {},
      timeoutMs: 20_000,
      maxOutputBytes: 20_000,
      ...more,
    },
    signal,
  );
  if ('refused' in result) throw new Error(result.refused);
  return { ...result, text: result.output.toString().trim() };
}
