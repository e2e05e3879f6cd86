import {
  executionSchema,
  historyExportSchema,
  logSchema,
  queryAnswerSchema,
  workflowSchema,
} from '@pegasus-workflows/contracts';
import { z } from 'zod';
import { ACCESS_OUTPUTS } from './access.js';
import { AGENT_OUTPUTS } from './agents.js';
import { INTEGRATION_OUTPUTS } from './integrations.js';
import { CONTROLS } from './controls.js';
import { errorDocument } from './error.js';
import { EVENT_OUTPUTS } from './events.js';
import { OUTSIDE_OUTPUTS } from './outside.js';
import { diagrams, failedWorkflow, initialized, packaged, pushed } from './projects.js';
import { INGRESS_OUTPUTS, WEBHOOK_OUTPUTS } from './webhooks.js';
import { TRIGGER_OUTPUTS } from './triggers.js';
import { PROJECTION_OUTPUTS } from './projections.js';
import { replayed, shownExecution, testedRun, writtenHistory } from './runs.js';
import { STORED_VALUE_OUTPUTS } from './stored-values.js';

const profile = z.object({ name: z.string(), apiRoot: z.string() });
const storedProfile = profile.extend({ file: z.string().describe('The credentials file.') });

/**
 * What each command prints with `--json` when it has done its work; `error` is the document of one that failed. Fields
 * may be added; none is renamed or removed within a major version.
 */
export const JSON_OUTPUTS: Record<string, z.ZodType> = {
  error: errorDocument.describe('Any command that failed.'),
  setup: z.object({
    profile: z
      .object({
        name: z.string(),
        status: z.enum(['written', 'kept', 'none']),
        apiRoot: z.string(),
        file: z.string().optional(),
      })
      .optional(),
    mcp: z.object({ file: z.string(), status: z.string() }).optional().describe('What became of .mcp.json.'),
    mcpConfig: z.unknown().optional().describe('With --print-mcp-config: the stanza.'),
  }),
  configure: storedProfile,
  login: storedProfile.extend({ verified: z.boolean() }),
  'profile list': z.array(profile),
  completion: z.object({ shell: z.string(), script: z.string() }),
  dev: z
    .object({
      ready: z.string().describe('URL of the API.'),
      dataDir: z.string(),
      profile: z.string(),
      credentialsFile: z.string(),
    })
    .describe('Printed when it is ready; the command stays.'),
  doctor: z.object({
    ok: z.boolean(),
    findings: z.array(
      z.object({
        name: z.string(),
        status: z.enum(['ok', 'warn', 'missing']),
        detail: z.string(),
        fix: z.string().optional().describe('The one command that mends it.'),
      }),
    ),
  }),
  init: initialized,
  diagram: diagrams,
  test: testedRun,
  package: z.array(z.union([packaged, failedWorkflow])),
  push: z.array(z.union([pushed, failedWorkflow])),
  replay: replayed,
  run: executionSchema,
  'executions list': z.array(executionSchema),
  'executions show': shownExecution,
  'executions watch': executionSchema,
  'executions logs': z.array(logSchema),
  ...CONTROLS,
  'executions signal': executionSchema,
  'executions query': queryAnswerSchema,
  'executions export': z.union([historyExportSchema, writtenHistory.describe('With --output.')]),
  'workflows list': z.array(workflowSchema),
  'workflows show': workflowSchema,
  'workflows logs': z.array(logSchema),
  'workflows fork': workflowSchema,
  'workflows release': workflowSchema,
  ...EVENT_OUTPUTS,
  ...TRIGGER_OUTPUTS,
  ...INGRESS_OUTPUTS,
  ...WEBHOOK_OUTPUTS,
  ...STORED_VALUE_OUTPUTS,
  ...PROJECTION_OUTPUTS,
  ...INTEGRATION_OUTPUTS,
  ...ACCESS_OUTPUTS,
  ...OUTSIDE_OUTPUTS,
  ...AGENT_OUTPUTS,
};

/** Commands that print one such document a line, as it comes, and not one at the end. */
export const JSON_LINES: ReadonlySet<string> = new Set(['agents watch']);
