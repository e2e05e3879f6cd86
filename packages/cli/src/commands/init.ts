import path from 'node:path';
import type { Context } from '../context.js';
import { withProgress } from '../output/progress.js';
import { INTERRUPTED, untilInterrupted } from '../runs/interrupt.js';
import { scaffold } from '../scaffold/index.js';
import { installDependencies } from '../scaffold/install.js';

export interface InitOptions {
  dir?: string;
  template: string;
  install?: boolean;
}

/** `init`: makes a project, installs its packages when asked to, and says what to do next. See {@link scaffold}. */
export async function init(context: Context, name: string, options: InitOptions): Promise<number> {
  const { template } = options;
  const { dir, files } = await scaffold({ name, template, dir: options.dir, cwd: context.cwd });
  const { out } = context;
  const shown = path.relative(context.cwd, dir) || '.';
  out.line(`${out.colors.good('✓')} project ${out.colors.strong(name)} in ${shown}`);
  for (const file of files) out.line(`  ${out.colors.quiet(file)}`);

  const installed = options.install ? await install(context, dir) : 'not asked';
  if (installed === 'interrupted') return INTERRUPTED;
  out.line();
  out.line('Next:');
  for (const [command, why] of nextSteps(name, template, shown, installed === 'done')) {
    out.line(`  ${out.colors.command(command)}${why && `  ${out.colors.quiet(`# ${why}`)}`}`);
  }
  out.result({ name, template, directory: dir, files, installed: installed === 'done' });
  return installed === 'failed' ? 1 : 0;
}

type Installed = 'not asked' | 'done' | 'failed' | 'interrupted';

/** The project is complete without its packages, so a failure is told and takes nothing back. */
async function install({ env, out }: Context, dir: string): Promise<Installed> {
  const problem = await untilInterrupted((signal) =>
    withProgress(out, 'npm install', () => installDependencies(dir, env, signal)),
  );
  if (problem === 'interrupted') return 'interrupted';
  if (problem === undefined) return 'done';
  out.warn(`npm install failed; the project is complete, its packages are not installed.\n${problem}`);
  return 'failed';
}

function nextSteps(
  name: string,
  template: string,
  shown: string,
  installed: boolean,
): [command: string, why: string][] {
  const steps: [command: string, why: string][] = [];
  if (shown !== '.') steps.push([`cd ${shown}`, '']);
  if (template === 'agent')
    steps.push(['export MODEL_URL=… MODEL_NAME=…', 'any OpenAI-compatible API; README.md has more']);
  const input = template === 'hello' || template === 'schedule' ? '' : '; README.md has an input for it';
  // Where nothing but the code runs there is no agent host.
  if (template !== 'dispatch') steps.push([`npx pegasus-workflows test ${name}`, 'run it here, once']);
  steps.push(
    [installed ? 'npm test' : 'npm install && npm test', 'its tests; time is skipped in them'],
    ['npx pegasus-workflows dev', 'the platform, in a terminal of its own'],
    ['npx pegasus-workflows push --profile local', 'publish it'],
    [`npx pegasus-workflows run ${name} --profile local --follow`, `run it there${input}`],
  );
  return steps;
}
