import { z } from 'zod';
import { LIMITS } from './limits.js';
import { idSchema, timestampSchema } from './names.js';

/** DONE: it was committed with this entry. ASKED: an act that no table shows, written before it. REFUSED: not allowed. */
export const auditOutcomeSchema = z.enum(['DONE', 'ASKED', 'REFUSED']);

/** One line of the audit log. It never holds a value: only who, what, from where and when. */
export const auditEntrySchema = z.object({
  seq: z.number().int(),
  /** Null for attempts that no tenant can be told from; only the platform tenant sees those. */
  tenantId: idSchema.nullable(),
  at: timestampSchema,
  outcome: auditOutcomeSchema,
  /** `INSERT`, `UPDATE`, `DELETE`, or the name of the act. */
  operation: z.string(),
  actor: z.object({
    kind: z.enum(['KEY', 'EXECUTION', 'SYSTEM', 'ANONYMOUS']),
    memberId: idSchema.nullable(),
    memberName: z.string().nullable(),
    keyId: idSchema.nullable(),
    executionId: idSchema.nullable(),
  }),
  /** What it was done to; null when a refusal is about no object. */
  object: z.object({ kind: z.string(), id: z.string().nullable(), name: z.string().nullable() }).nullable(),
  /** Names of the columns that changed. */
  fields: z.array(z.string()).nullable(),
  /** The action that the call needed. */
  action: z.string().nullable(),
  /** Of a refusal: its error code. */
  code: z.string().nullable(),
  method: z.string().nullable(),
  /** The route's pattern. */
  route: z.string().nullable(),
  ip: z.string().nullable(),
  correlationId: z.string().nullable(),
  /** How many alike attempts this entry stands for. */
  count: z.number().int(),
});
export type AuditEntry = z.infer<typeof auditEntrySchema>;

/** `GET /audit`, newest first. */
export const auditQuerySchema = z.strictObject({
  limit: z.coerce.number().int().min(1).max(LIMITS.executionsPageMax).default(LIMITS.executionsPageDefault),
  /** Only entries before this `seq`: the last one of the previous page. */
  before: z.coerce.number().int().min(1).max(Number.MAX_SAFE_INTEGER).optional(),
  /** Id of a member, a key or an execution. */
  actor: idSchema.optional(),
  /** `<kind>`, `<kind>/<id or name>`, or an id alone; a kind is a table's name such as `api_keys`. */
  object: z.string().min(1).max(400).optional(),
  operation: z.string().min(1).max(100).optional(),
  outcome: auditOutcomeSchema.optional(),
  /** At or after this instant. */
  since: timestampSchema.optional(),
  /** Before this instant. */
  until: timestampSchema.optional(),
  /** For the platform tenant: another tenant's log, `none` for what belongs to no tenant, `all` for everything. */
  tenantId: z.union([idSchema, z.enum(['none', 'all'])]).optional(),
});
export type AuditQuery = z.infer<typeof auditQuerySchema>;
