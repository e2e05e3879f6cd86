import { z } from 'zod';
import { withoutUserInfo } from './address.js';
import { defineTool } from './tool.js';

export const listProfiles = defineTool({
  name: 'list_profiles',
  title: 'Profiles of the credentials file',
  description: [
    'Lists the profiles that a person has set up: name and address of the platform, never a key.',
    'Use it to tell the person which --profile to give to `pegasus-workflows push` or `run`; those stay with the person. An empty list means that `pegasus-workflows setup` was not run yet.',
  ].join(' '),
  annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false },
  input: z.strictObject({}),
  output: z.object({
    result: z.array(z.object({ name: z.string(), api_root: z.string() })),
  }),
  async run(_none, { context }) {
    const { readCredentials } = await import('../../credentials/files.js');
    const { profiles } = await readCredentials(context);
    const result = [...profiles.values()].map(({ name, apiRoot }) => ({
      name,
      api_root: withoutUserInfo(apiRoot),
    }));
    return { structured: { result }, text: result };
  },
});
