import { z } from 'zod';
import { storedGroupSchema, storedKeySchema, DEFAULT_GROUP } from './stored-values.js';
import { integrationIdSchema } from './ingress.js';
import { integrationIssueSchema, recordActionSchema } from './integration-rules.js';
import { idSchema, timestampSchema } from './names.js';
import { visibilitySchema } from './workflows.js';

/** The wire of integration configurations: `/api/v1/integrations/:id/config` and what runs on them. */

/** Largest body that carries a configuration, and most of one that is kept. Bytes. */
export const INTEGRATION_CONFIG_BYTES = 32 * 1024 * 1024;

/** A secret or a configuration value of the tenant, by name. */
const requirementSchema = z.union(
  [
    storedKeySchema,
    z.strictObject({ group: storedGroupSchema.default(DEFAULT_GROUP), key: storedKeySchema }),
  ],
  'must be a key, or {"group", "key"}',
);

/**
 * What is published. The parts are looked at by the gate, which says of each what is wrong and where; so here they are
 * only named.
 */
export const integrationConfigBodySchema = z.strictObject({
  mapping: z.unknown().optional(),
  rules: z.unknown().optional(),
  corpus: z.unknown().optional(),
  floor: z.unknown().optional(),
  displayName: z.string().min(1, 'must not be empty').max(200, 'must be at most 200 characters').optional(),
  externalShape: z.unknown().optional(),
  externalMapping: z.unknown().optional(),
  inbound: z.unknown().optional(),
  outbound: z.unknown().optional(),
  requiredSecrets: z.array(requirementSchema).max(100).optional(),
  requiredConfigs: z.array(requirementSchema).max(100).optional(),
});
export type IntegrationConfigBody = z.input<typeof integrationConfigBodySchema>;

export const gateProblemSchema = z.object({
  /** `schema`: its form; `static`: what it says; `coverage`: what the corpus does not show. */
  stage: z.enum(['schema', 'static', 'coverage']),
  /** A JSON pointer into the configuration: `/rules/0/when/1/op`. */
  where: z.string(),
  problem: z.string(),
});

export const gateFailureSchema = z.object({
  name: z.string(),
  reason: z.enum(['structural', 'behavioral']),
  detail: z.string(),
  expected: z.unknown().optional(),
  actual: z.unknown().optional(),
  /** The smallest change that was found with which the case passes. */
  change: z.array(z.object({ where: z.string(), from: z.unknown().optional(), to: z.unknown() })),
});

/** What the gate says. `ok`: it may be published. */
export const gateReportSchema = z.object({
  ok: z.boolean(),
  problems: z.array(gateProblemSchema),
  corpus: z.object({
    total: z.number().int(),
    passed: z.number().int(),
    /** At most a hundred of them. */
    failures: z.array(gateFailureSchema),
  }),
});
export type GateReportBody = z.output<typeof gateReportSchema>;

/** A version without its parts. */
export const integrationVersionSchema = z.object({
  id: idSchema,
  integrationId: z.string(),
  /** From 1, one more with each publish, rollback and fork of the lineage. */
  version: z.number().int().positive(),
  /** GLOBAL: the platform's own, which every tenant sees that has none of its own. */
  visibility: visibilitySchema,
  displayName: z.string().nullable(),
  /** Whether it is the newest of its lineage. */
  active: z.boolean(),
  /** The version that a rollback has published again. */
  rolledBackFrom: z.number().int().nullable(),
  /** The GLOBAL version that it is a copy of. */
  forkedFromVersion: z.number().int().nullable(),
  createdByUserId: idSchema.nullable(),
  createdAt: timestampSchema,
});
export type IntegrationVersion = z.output<typeof integrationVersionSchema>;

/** A version with its parts, as they were published. */
export const integrationConfigSchema = integrationVersionSchema.extend({
  mapping: z.unknown(),
  rules: z.unknown(),
  corpus: z.unknown(),
  floor: z.unknown().optional(),
  externalShape: z.unknown().optional(),
  externalMapping: z.unknown().optional(),
  inbound: z.unknown().optional(),
  outbound: z.unknown().optional(),
  requiredSecrets: z.array(requirementSchema).optional(),
  requiredConfigs: z.array(requirementSchema).optional(),
});
export type IntegrationConfigVersion = z.output<typeof integrationConfigSchema>;

/** Where one integration stands for a tenant. */
export const integrationSummarySchema = integrationVersionSchema.extend({
  /** Whether the tenant's own stands before a GLOBAL one. */
  overlaysGlobal: z.boolean(),
});
export type IntegrationSummary = z.output<typeof integrationSummarySchema>;

/** `GET /integrations/requirements-summary`: what the configurations in force need, and what of it is not set. */
export const integrationRequirementsSchema = z.object({
  integrations: z.array(
    z.object({
      integrationId: z.string(),
      version: z.number().int(),
      visibility: visibilitySchema,
      requirements: z.array(
        z.object({
          kind: z.enum(['SECRET', 'CONFIG']),
          key: z.string(),
          group: z.string(),
          present: z.boolean(),
        }),
      ),
      missingCount: z.number().int(),
    }),
  ),
  totalMissing: z.number().int(),
});
export type IntegrationRequirements = z.output<typeof integrationRequirementsSchema>;

export const integrationVersionParamsSchema = z.object({
  id: integrationIdSchema,
  version: z.coerce.number().int().min(1, 'must be at least 1').max(2_147_483_647),
});

/** `?force=true` of fork and drop. */
export const forceQuerySchema = z.strictObject({
  force: z
    .enum(['true', 'false'], 'must be true or false')
    .default('false')
    .transform((text) => text === 'true'),
});

/** `POST /integrations/:id/validate`. Without `prior`, the projection of the record is taken for it. */
export const validateRecordRequestSchema = z.strictObject({
  order: z.unknown().refine((order) => order !== undefined, 'is required'),
  prior: z.unknown().optional(),
  action: recordActionSchema.optional(),
});
export type ValidateRecordRequest = z.input<typeof validateRecordRequestSchema>;

const verdictFields = {
  valid: z.boolean(),
  issues: z.array(integrationIssueSchema),
  /** The platform could not check, and let the record pass: its own failure is not the record's. */
  degraded: z.boolean(),
};
export const recordVerdictSchema = z.object(verdictFields);
export type RecordVerdict = z.output<typeof recordVerdictSchema>;

/** `POST /integrations/:id/map-to-external`: a canonical record, in the form of the outside system. */
export const mapToExternalRequestSchema = z.strictObject({
  data: z.unknown().refine((data) => data !== undefined, 'is required'),
  action: recordActionSchema.optional(),
});
export type MapToExternalRequest = z.input<typeof mapToExternalRequestSchema>;
export const mappedToExternalSchema = z.object({
  external: z.record(z.string(), z.unknown()),
  ...verdictFields,
});
export type MappedToExternal = z.output<typeof mappedToExternalSchema>;

/** `POST /integrations/:id/map-from-external`: a record of the outside system, made canonical. */
export const mapFromExternalRequestSchema = z.strictObject({
  data: z.unknown().refine((data) => data !== undefined, 'is required'),
});
export type MapFromExternalRequest = z.input<typeof mapFromExternalRequestSchema>;
export const mappedFromExternalSchema = z.object({
  canonical: z.record(z.string(), z.unknown()),
  ...verdictFields,
});
export type MappedFromExternal = z.output<typeof mappedFromExternalSchema>;

/** A floor that comes with the platform. */
export const baseFloorSchema = z.object({
  id: z.string(),
  description: z.string(),
  floor: z.object({ fields: z.record(z.string(), z.unknown()), rules: z.array(z.unknown()) }),
});
export type BaseFloorBody = z.output<typeof baseFloorSchema>;

/** The payload of a canonical event: what a partner has sent, made a record of ours. */
export const canonicalEventPayloadSchema = z.object({
  integrationId: z.string(),
  /** The partner's own event, which has its headers and its body. */
  sourceEventId: idSchema,
  receivedAt: timestampSchema,
  /** What names the record: the value of the field `inbound.key`, as text. */
  key: z.string(),
  canonical: z.record(z.string(), z.unknown()),
  /** False only in events of the type `inbound.invalidEvent`. */
  valid: z.boolean(),
  issues: z.array(integrationIssueSchema),
});
export type CanonicalEventPayload = z.output<typeof canonicalEventPayloadSchema>;

/** `POST /integrations/:id/deliver-to-external`: a canonical record, mapped and sent through the connection, once. */
export const deliverRequestSchema = mapToExternalRequestSchema.extend({
  /** What tells this delivery from others, in place of the record's own fields. */
  dedupKey: z
    .string()
    .regex(/^[\x21-\x7e]{1,200}$/, 'must be 1 to 200 visible ASCII characters')
    .optional(),
});
export type DeliverRequest = z.input<typeof deliverRequestSchema>;

export const deliveredSchema = z.object({
  /** Whether the outside system has taken it: now, or before. Not when the record breaks a rule or was refused. */
  delivered: z.boolean(),
  /** It was taken before: nothing was sent now. */
  alreadyDelivered: z.boolean(),
  /** HTTP status of the answer; null where nothing was sent. */
  status: z.number().int().nullable(),
  /** What was answered; null where there was nothing, and where it is larger than what is kept of a delivery. */
  answer: z.unknown(),
  external: z.record(z.string(), z.unknown()),
  ...verdictFields,
});
export type Delivered = z.output<typeof deliveredSchema>;
