import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { PegasusError } from '@pegasus-workflows/contracts';
import { type Context } from '../context.js';
import { camelCase, nameProblem } from '../names.js';

const TEMPLATE = fileURLToPath(new URL('../../templates/hello/', import.meta.url));

/**
 * Makes a new project from the template: every `__name__`, `__camelName__` and `__version__`, in contents and in paths,
 * becomes this project's. Complete or absent: it is written beside its place and moved there at the end.
 *
 * @throws PegasusError VALIDATION_ERROR for a bad name, CONFLICT when the place is not empty
 */
export async function init(context: Context, name: string, options: { dir?: string }): Promise<void> {
  const problem = nameProblem(name);
  if (problem)
    throw new PegasusError('VALIDATION_ERROR', `Workflow name "${name}" ${problem}.`, {
      hint: `Try: pegasus-workflows init ${suggestion(name)}`,
    });
  const target = path.resolve(context.cwd, options.dir ?? name);
  await refuseOccupied(target);
  const files = await writeProject(target, {
    __name__: name,
    __camelName__: camelCase(name),
    __version__: await ownVersion(),
  });

  const { out } = context;
  const shown = path.relative(context.cwd, target) || '.';
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
  out.result({ name, directory: target, files });
}

function suggestion(name: string): string {
  const usable = name
    .toLowerCase()
    .replace(/[^a-z0-9_-]+/g, '-')
    .replace(/^[-_]+|[-_]+$/g, '')
    .slice(0, 64);
  return usable && !nameProblem(usable) ? usable : 'my-workflow';
}

async function refuseOccupied(target: string): Promise<void> {
  let entries: string[];
  try {
    entries = await readdir(target);
  } catch (error) {
    if (error instanceof Error && 'code' in error) {
      if (error.code === 'ENOENT') return;
      if (error.code === 'ENOTDIR')
        throw new PegasusError('CONFLICT', `${target} is a file.`, {
          hint: 'Name another place: --dir <dir>.',
        });
    }
    throw error;
  }
  if (entries.length > 0)
    throw new PegasusError('CONFLICT', `${target} is not empty; nothing was written.`, {
      hint: 'Name an empty or new folder: --dir <dir>.',
    });
}

async function writeProject(target: string, values: Record<string, string>): Promise<string[]> {
  const fill = (text: string): string =>
    text.replace(/__(?:name|camelName|version)__/g, (key) => values[key] ?? key);
  const draft = `${target}.${process.pid}.tmp`;
  const written: string[] = [];
  try {
    for (const entry of await readdir(TEMPLATE, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      const source = path.join(entry.parentPath, entry.name);
      // npm leaves a .gitignore out of a packed package, so the template's has another name.
      const relative = fill(path.relative(TEMPLATE, source)).replace(/_gitignore$/, '.gitignore');
      await mkdir(path.dirname(path.join(draft, relative)), { recursive: true });
      await writeFile(path.join(draft, relative), fill(await readFile(source, 'utf8')));
      written.push(relative.split(path.sep).join('/'));
    }
    if (existsSync(target)) {
      // An empty folder that is there stays that very folder (it may be a mount, or somebody's working directory).
      for (const entry of await readdir(draft))
        await rename(path.join(draft, entry), path.join(target, entry));
    } else {
      await mkdir(path.dirname(target), { recursive: true });
      await rename(draft, target);
    }
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
  return written.sort();
}

async function ownVersion(): Promise<string> {
  const text = await readFile(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
