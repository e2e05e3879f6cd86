import { z } from 'zod';
import { confineProject } from '../paths/project.js';
import { defineTool } from './tool.js';

export const packageProject = defineTool({
  name: 'package_project',
  title: 'Build the artifacts of a project',
  description: [
    'Checks and builds every workflow of a project into dist/<name>-<version>.zip, just as `pegasus-workflows package` does: manifest, diagram, determinism of the code, both bundles. No network.',
    'Use it when the code is ready: what it refuses cannot be published, and each problem names file, line and what to do. It takes seconds, tells its progress, and can be cancelled.',
    'One workflow that fails does not stop the others; the result is then an error that holds both. Publishing stays with a person: `npx pegasus-workflows push`.',
  ].join(' '),
  annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: true, openWorldHint: false },
  input: z.strictObject({
    project_dir: z
      .string()
      .describe(
        'Folder with the pegasus-workflows.toml, absolute, or relative to the folder this server was started in.',
      ),
  }),
  output: z.object({
    result: z.array(
      z.object({
        name: z.string(),
        version: z.string(),
        zip_path: z.string().describe('Absolute path.'),
        size_bytes: z.number().int(),
      }),
    ),
    warnings: z
      .array(z.object({ warning: z.string(), problems: z.array(z.string()) }))
      .optional()
      .describe('Diagrams that differ from their code. Publishing allows that; mend them all the same.'),
  }),
  async run({ project_dir: projectDir }, { paths, signal, progress, context }) {
    const folder = await paths.folder('project_dir', projectDir);
    await confineProject(folder);
    const { packageInChild } = await import('../packaging/run.js');
    const { packaged, failures, warnings } = await packageInChild(folder, {
      env: context.env,
      signal,
      progress,
    });
    const result = packaged.map(({ name, version, zipPath, sizeBytes }) => ({
      name,
      version,
      zip_path: zipPath,
      size_bytes: sizeBytes,
    }));
    const structured = warnings.length > 0 ? { result, warnings } : { result };
    return { structured, text: result, notes: warnings, failures };
  },
});
