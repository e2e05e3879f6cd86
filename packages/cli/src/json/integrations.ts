import {
  corpusCaseSchema,
  gateReportSchema,
  integrationConfigSchema,
  integrationIssueSchema,
  integrationSummarySchema,
  integrationVersionSchema,
} from '@pegasus-workflows/contracts';
import { z } from 'zod';

const explanation = z.object({
  valid: z.boolean(),
  issues: z.array(integrationIssueSchema),
  canonical: z.record(z.string(), z.unknown()),
  fields: z.array(
    z.object({
      field: z.string(),
      from: z.string().optional().describe('The path that gave the value; absent for a default.'),
      value: z.unknown(),
    }),
  ),
  rules: z.array(
    z.object({
      ruleId: z.string(),
      violated: z.boolean(),
      because: z.enum(['predicates', 'no-prior']),
      predicates: z.array(
        z.object({
          fact: z.string(),
          op: z.string(),
          value: z.unknown(),
          actual: z.unknown(),
          holds: z.boolean(),
        }),
      ),
    }),
  ),
});

/** What `integration-config …` print with `--json`. */
export const INTEGRATION_OUTPUTS: Record<string, z.ZodType> = {
  'integration-config list': z.array(integrationSummarySchema),
  'integration-config pull': integrationConfigSchema,
  'integration-config validate': gateReportSchema,
  'integration-config publish': integrationVersionSchema,
  'integration-config versions': z.array(integrationVersionSchema),
  'integration-config diff': z.object({
    same: z.boolean(),
    diff: z.string().describe('As `diff -u` writes it.'),
  }),
  'integration-config rollback': integrationVersionSchema,
  'integration-config fork': integrationVersionSchema,
  'integration-config drop': z.object({ integrationId: z.string(), dropped: z.literal(true) }),
  'integration-config explain': explanation,
  'integration-config watch': gateReportSchema.describe('One document after each save.'),
  'integration-config corpus add': z.object({
    case: corpusCaseSchema,
    masked: z.array(z.string()).describe('Dotted paths of what was masked.'),
  }),
};
