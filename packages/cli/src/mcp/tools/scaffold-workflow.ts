import { z } from 'zod';
import { defineTool } from './tool.js';

export const scaffoldWorkflow = defineTool({
  name: 'scaffold_workflow',
  title: 'Make a new workflow project',
  description: [
    'Makes a new project with one workflow that tests, packages and publishes as it is: workflow, activities, diagram, tests, manifest, README and AGENTS.md.',
    'Use it to start a workflow from nothing; read pegasus://guide/authoring before you change its code.',
    '`dest` becomes the project itself (not its parent) and must be absent or an empty folder; nothing that exists is touched. No network: run `npm install` in it afterwards, then `npm test`, then package_project.',
  ].join(' '),
  annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: false, openWorldHint: false },
  input: z.strictObject({
    name: z
      .string()
      .describe('Name of the workflow: 1 to 64 lower-case letters, digits, "-" or "_"; also its folder.'),
    dest: z
      .string()
      .describe(
        'Folder of the new project, absolute, or relative to the folder this server was started in. Absent or empty.',
      ),
  }),
  output: z.object({
    name: z.string(),
    project_dir: z.string().describe('Absolute path of the project.'),
    files: z.array(z.string()).describe('Its files, relative to project_dir, with "/".'),
    next: z.array(z.string()).describe('Commands to run next in project_dir, in order.'),
  }),
  async run({ name, dest }, { paths, signal }) {
    const { checkProjectName } = await import('../../scaffold/project-name.js');
    const { scaffold } = await import('../../scaffold/index.js');
    checkProjectName(name);
    const target = await paths.newFolder('dest', dest);
    signal.throwIfAborted();
    // As its own working directory the folder is filled in place, manifest last: no draft is written beside it.
    const { dir, files } = await scaffold({ name, dir: target, cwd: target });
    const next = [
      'npm install',
      'npm test',
      `npx pegasus-workflows test ${name}`,
      'npx pegasus-workflows package',
    ];
    return { structured: { name, project_dir: dir, files, next } };
  },
});
