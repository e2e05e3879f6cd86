import path from 'node:path';
import type { Context } from '../context.js';
import { scaffold } from '../scaffold/index.js';

export interface InitOptions {
  dir?: string;
  template?: string;
}

/** `init`: makes a project and says what to do next. See {@link scaffold}. */
export async function init(context: Context, name: string, options: InitOptions): Promise<void> {
  const { dir, files } = await scaffold({ name, ...options, cwd: context.cwd });
  const { out } = context;
  const shown = path.relative(context.cwd, dir) || '.';
  out.line(`${out.colors.good('✓')} project ${out.colors.strong(name)} in ${shown}`);
  for (const file of files) out.line(`  ${out.colors.quiet(file)}`);
  out.line();
  out.line('Next:');
  const steps: [command: string, why: string][] = [
    ...(shown === '.' ? [] : [[`cd ${shown}`, ''] as [string, string]]),
    [`npx pegasus-workflows test ${name}`, 'run it here, once'],
    ['npx pegasus-workflows dev', 'the platform, in a terminal of its own'],
    ['npx pegasus-workflows push --profile local', 'publish it'],
    [`npx pegasus-workflows run ${name} --profile local --follow`, 'run it there'],
  ];
  for (const [command, why] of steps) {
    out.line(`  ${out.colors.command(command)}${why && `  ${out.colors.quiet(`# ${why}`)}`}`);
  }
  out.result({ name, directory: dir, files });
}
