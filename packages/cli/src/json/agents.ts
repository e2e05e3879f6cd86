import {
  agentWorkspaceSchema,
  dispatchEventSchema,
  dispatchSchema,
  dispatchSummarySchema,
} from '@pegasus-workflows/contracts';
import { agentRoleSchema, isolationSchema } from '@pegasus-workflows/contracts/agents';
import { z } from 'zod';
import { errorDocument } from './error.js';

const watched = z
  .union([
    z.object({ type: z.literal('dispatch'), dispatch: dispatchSchema }),
    z.object({ type: z.literal('event'), ...dispatchEventSchema.shape }),
    errorDocument,
  ])
  .describe('One document a line; the last is the dispatch as it ended, or why the watching did.');

const role = z.object({
  role: agentRoleSchema,
  personaSlug: z.string(),
  isolation: isolationSchema,
  budget: z
    .object({ tokens: z.number(), dollars: z.number(), wallClockMs: z.number() })
    .describe('What a task of the role may spend at most.'),
});

export const AGENT_OUTPUTS: Record<string, z.ZodType> = {
  'agents run': dispatchSchema,
  'agents list': z.array(dispatchSummarySchema),
  'agents show': dispatchSchema,
  'agents watch': watched,
  'agents logs': z.array(dispatchEventSchema),
  'agents approve': dispatchSchema,
  'agents refuse': dispatchSchema,
  'agents pause': dispatchSchema,
  'agents resume': dispatchSchema,
  'agents cancel': dispatchSchema,
  'agents workspaces': z.array(agentWorkspaceSchema),
  'agents roles': z.array(role),
};
