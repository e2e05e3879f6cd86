import path from 'node:path';
import { checkProjectName } from './project-name.js';
import { templateFiles } from './template-files.js';
import { chooseTemplate } from './choose-template.js';
import { writeProject } from './write-project.js';

export { TEMPLATE_NAMES } from './templates.js';

export interface ScaffoldOptions {
  /** Name of the workflow, and of its folder in the project. */
  name: string;
  /** Where the project goes, absolute or relative to `cwd`: absent, or an empty folder. Default: `name`. */
  dir?: string | undefined;
  /** One of {@link TEMPLATE_NAMES}; default `hello`. */
  template?: string | undefined;
  cwd: string;
}

export interface Scaffolded {
  /** The project, absolute. */
  dir: string;
  /** Its files, relative to it with `/`, sorted. */
  files: string[];
}

/**
 * Makes a new project from a template: complete, or not at all. Prints nothing and needs no network.
 *
 * @throws PegasusError VALIDATION_ERROR for a bad name or an unknown template, CONFLICT when the place is occupied
 */
export async function scaffold({ name, dir, template = 'hello', cwd }: ScaffoldOptions): Promise<Scaffolded> {
  checkProjectName(name);
  const target = path.resolve(cwd, dir ?? name);
  const files = await templateFiles(chooseTemplate(template), name);
  await writeProject(target, files, [cwd, process.cwd()]);
  return { dir: target, files: [...files.keys()] };
}
