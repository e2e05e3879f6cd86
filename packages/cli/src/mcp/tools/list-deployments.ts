import { z } from 'zod';
import { below } from '../paths/confine.js';
import { withoutUserInfo } from './address.js';
import { defineTool } from './tool.js';

export const listDeployments = defineTool({
  name: 'list_deployments',
  title: 'What was published from a project',
  description: [
    'Lists what was published from a project and where, as its deployments.toml records it: environment, platform, workflow id, version, visibility, time.',
    'Use it to learn which version is out before you raise one, or which id a workflow has. It asks no platform: what others published is not in it. An empty list means that nothing was published from here.',
  ].join(' '),
  annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false },
  input: z.strictObject({
    project_dir: z
      .string()
      .describe('Folder of the project, absolute, or relative to the folder this server was started in.'),
  }),
  output: z.object({
    result: z.array(
      z.object({
        env: z.string().describe('Name of the entry: what --env said, or the host of the platform.'),
        workflow: z.string().nullable().describe('null where the project has one workflow.'),
        base_url: z.string(),
        workflow_id: z.string(),
        version: z.string(),
        visibility: z.string().describe('TENANT or GLOBAL.'),
        published_at: z.string(),
      }),
    ),
  }),
  async run({ project_dir: projectDir }, { paths }) {
    const folder = await paths.folder('project_dir', projectDir);
    const { LEDGER_FILE, readLedger } = await import('@pegasus-workflows/project/ledger');
    const there = (await below(folder, LEDGER_FILE)) !== undefined;
    const entries = there ? await readLedger(folder) : [];
    const result = entries.map((entry) => ({
      env: entry.env,
      workflow: entry.workflow,
      base_url: withoutUserInfo(entry.baseUrl),
      workflow_id: entry.workflowId,
      version: entry.version,
      visibility: entry.visibility,
      published_at: entry.publishedAt,
    }));
    return { structured: { result }, text: result };
  },
});
