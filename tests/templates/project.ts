import { spawn } from 'node:child_process';
import { symlink } from 'node:fs/promises';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { TEMPLATE_NAMES } from '../../packages/cli/dist/scaffold/index.js';
import { type Finished, Terminal } from '../cli/cli.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** One new project per template, side by side in a folder that has this repository's packages as an author has them. */
export class Projects implements AsyncDisposable {
  readonly names = TEMPLATE_NAMES.map((template) => projectName(template));

  private constructor(readonly terminal: Terminal) {}

  static async make(): Promise<Projects> {
    const terminal = await Terminal.open();
    await symlink(path.join(ROOT, 'node_modules'), path.join(terminal.root, 'node_modules'));
    for (const template of TEMPLATE_NAMES) {
      const { code, stderr } = await terminal.run(['init', projectName(template), '--template', template]);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    }
    return new Projects(terminal);
  }

  dir(name: string): string {
    return path.join(this.terminal.root, name);
  }

  /** Runs a tool of `node_modules/.bin`, as a project's scripts do. */
  async tool(name: string, args: string[], cwd = this.terminal.root): Promise<Finished> {
    const child = spawn(path.join(ROOT, 'node_modules/.bin', name), args, {
      cwd,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const closed = new Promise<number>((resolve) => child.on('close', (code) => resolve(code ?? 1)));
    const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), closed]);
    return { code, stdout, stderr };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.terminal[Symbol.asyncDispose]();
  }
}

/** No name that is also a word of the template, so that a placeholder that was forgotten shows. */
function projectName(template: string): string {
  return `my-${template}_2`;
}
