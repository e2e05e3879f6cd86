import { z } from 'zod';
import { canonicalPathSchema, sourcePathSchema } from './integration-paths.js';
import { eventTypeNameSchema } from './events.js';
import { integrationIdSchema } from './ingress.js';
import { projectionSegmentSchema } from './projections.js';

/** Numbers of rules, fields and examples. */
export const RULE_LIMITS = {
  rules: 1_000,
  predicates: 32,
  /** Values of one `in` or `nin`. */
  values: 1_000,
  fields: 2_000,
  corpus: 10_000,
} as const;

export const RULE_OPERATORS = ['eq', 'ne', 'gt', 'gte', 'lt', 'lte', 'in', 'nin'] as const;
export type RuleOperator = (typeof RULE_OPERATORS)[number];
const ORDERED: readonly RuleOperator[] = ['gt', 'gte', 'lt', 'lte'];
const LISTED: readonly RuleOperator[] = ['in', 'nin'];

/** What a caller is about to do with a record. */
export const RECORD_ACTIONS = ['save', 'cancel', 'status-change'] as const;
export const recordActionSchema = z.enum(RECORD_ACTIONS, `must be ${RECORD_ACTIONS.join(', ')}`);
export type RecordAction = (typeof RECORD_ACTIONS)[number];

export const severitySchema = z.enum(['error', 'warning'], 'must be error or warning');
export type Severity = z.output<typeof severitySchema>;

const scalarSchema = z.union([z.string().max(4_096), z.number(), z.boolean(), z.null()]);
/** Another fact to compare with, in place of a value. */
const factReferenceSchema = z.strictObject({ $fact: canonicalPathSchema });

/**
 * One condition. `fact` is a path in the canonical record, or begins with `order.` (the same), `prior.` (the record as it
 * was) or is `action`. A fact that is not there is null. With `*` one element that fits is enough.
 */
export const predicateSchema = z
  .strictObject({
    fact: canonicalPathSchema,
    op: z.enum(RULE_OPERATORS, `must be ${RULE_OPERATORS.join(', ')}`),
    value: z.union(
      [scalarSchema, factReferenceSchema, z.array(scalarSchema).max(RULE_LIMITS.values)],
      'must be a text, a number, true, false, null, a list of those, or {"$fact": path}',
    ),
  })
  .superRefine(({ op, value }, context) => {
    const refuse = (message: string) => context.addIssue({ code: 'custom', path: ['value'], message });
    const isReference = typeof value === 'object' && value !== null && !Array.isArray(value);
    if (isReference) {
      if (LISTED.includes(op)) refuse(`must be a list for ${op}`);
    } else if (LISTED.includes(op)) {
      if (!Array.isArray(value)) refuse(`must be a list for ${op}`);
    } else if (Array.isArray(value)) {
      refuse(`must not be a list for ${op}; use in or nin`);
    } else if (ORDERED.includes(op)) {
      if (typeof value !== 'number' && typeof value !== 'string')
        refuse(`must be a number or a text for ${op}`);
      else if (typeof value === 'string' && isForeignDate(value))
        refuse('must be a date as 2026-01-31 or 2026-01-31T12:00:00Z: dates in other forms have no order');
    }
  });
export type Predicate = z.output<typeof predicateSchema>;

/** Whether a text looks like a date that is not ISO 8601: `31.01.2026`, `1/31/2026`, `31 Jan 2026`, `Sat, 31 Jan 2026`. */
function isForeignDate(text: string): boolean {
  return (
    /^\d{1,2}[./-]\d{1,2}[./-]\d{2,4}\b/.test(text) ||
    /^\d{4}[./]\d{1,2}[./]\d{1,2}\b/.test(text) ||
    /^([A-Za-z]{3,9},? +)?\d{1,2}\.? +[A-Za-z]{3,9}\.?,? +\d{2,4}\b/.test(text) ||
    /^[A-Za-z]{3,9}\.? +\d{1,2},? +\d{4}\b/.test(text)
  );
}

/** Ids of structural issues begin so; no rule's may. */
export const RESERVED_RULE_PREFIXES = ['floor.', 'mapping.', 'limit.'] as const;
const ruleIdSchema = z
  .string()
  .regex(/^[A-Za-z0-9._:-]{1,128}$/, 'must be 1 to 128 letters, digits, ".", "_", ":" or "-"');

const textSchema = z.string().min(1, 'must not be empty').max(1_000, 'must be at most 1000 characters');

/** What a record must keep: it is violated when every predicate of `when` is true. */
export const ruleSchema = z.strictObject({
  id: ruleIdSchema.refine(
    (id) => !RESERVED_RULE_PREFIXES.some((prefix) => id.startsWith(prefix)),
    `must not begin with ${RESERVED_RULE_PREFIXES.map((prefix) => JSON.stringify(prefix)).join(', ')}`,
  ),
  description: textSchema,
  /** The field that a form marks. */
  field: canonicalPathSchema,
  message: textSchema,
  /** Where the rule comes from: a page of the partner's manual. */
  sourceRef: z.string().max(500).optional(),
  /** `warning` is reported and leaves the record valid. */
  severity: severitySchema.optional(),
  when: z
    .array(predicateSchema)
    .min(1, 'must have a predicate: a rule without one is violated by every record')
    .max(RULE_LIMITS.predicates),
});
export type Rule = z.output<typeof ruleSchema>;

export const FIELD_TYPES = [
  'string',
  'number',
  'integer',
  'boolean',
  'date',
  'date-time',
  'object',
  'list',
] as const;
export type FieldType = (typeof FIELD_TYPES)[number];

/** What one field of a canonical record has to be. */
export const fieldSchema = z.strictObject({
  type: z.enum(FIELD_TYPES, `must be ${FIELD_TYPES.join(', ')}`).optional(),
  required: z.boolean().optional(),
  nullable: z.boolean().optional(),
  enum: z.array(scalarSchema).min(1, 'must not be empty').max(RULE_LIMITS.values).optional(),
});
export type Field = z.output<typeof fieldSchema>;

/**
 * What every record of an integration is, whatever else: fields by path, and rules. With `extends` all of that floor
 * holds too: what is said here comes on top, and takes nothing away.
 */
export const floorSchema = z.strictObject({
  extends: ruleIdSchema.optional(),
  fields: z
    .record(canonicalPathSchema, fieldSchema)
    .refine(
      (fields) => Object.keys(fields).length <= RULE_LIMITS.fields,
      `must be at most ${RULE_LIMITS.fields}`,
    )
    .default({}),
  rules: z.array(ruleSchema).max(RULE_LIMITS.rules).default([]),
});
export type Floor = z.output<typeof floorSchema>;

/** A record to be looked at: as the source has it, as it was before, and what is about to be done with it. */
export const validationInputSchema = z.strictObject({
  order: z.unknown(),
  prior: z.unknown().optional(),
  action: recordActionSchema.optional(),
});
export interface ValidationInput {
  order: unknown;
  prior?: unknown;
  action?: RecordAction | undefined;
}

/** One example, and what has to come of it. */
export const corpusCaseSchema = z.strictObject({
  name: z.string().min(1, 'must not be empty').max(200),
  input: validationInputSchema,
  expected: z.strictObject({
    valid: z.boolean(),
    /** Ids of every issue, in any order, each once; also of structural ones, such as `floor.required`. */
    ruleIds: z.array(ruleIdSchema),
    /** When given: the canonical record that the mapping has to make. */
    canonical: z.unknown().optional(),
    /** When given: what the canonical record has to become on its way back. */
    external: z.unknown().optional(),
  }),
});
export type CorpusCase = z.output<typeof corpusCaseSchema>;

/** How records of the outside system are known, and what becomes of those that a partner sends to the ingress. */
export const inboundSchema = z.strictObject({
  /** Where the record is in what comes in, such as `data.object`; all of it unless said. */
  record: sourcePathSchema.optional(),
  /** The canonical field whose value names a record: its projection is the record as it was. */
  key: canonicalPathSchema,
  /** The type of its projections. */
  entityType: projectionSegmentSchema.default('order'),
  /** The canonical field that grows with each change of a record: what is older than what is known is left out. */
  sequence: canonicalPathSchema.optional(),
  /** The type of the canonical events; without it what a partner sends is the partner's event alone. */
  event: eventTypeNameSchema.optional(),
  /** The type of the events about records that break a rule; without it there are none about those. */
  invalidEvent: eventTypeNameSchema.optional(),
});
export type Inbound = z.output<typeof inboundSchema>;

/** How canonical records are delivered to the outside system: by a call through one of the tenant's connections. */
export const outboundSchema = z.strictObject({
  connection: integrationIdSchema,
  method: z.enum(['POST', 'PUT', 'PATCH', 'DELETE'], 'must be POST, PUT, PATCH or DELETE').default('POST'),
  /** Below the connection's base URL. `{{number}}` is the value of that canonical field, percent-encoded. */
  path: z.string().min(1).max(2_048).startsWith('/', 'must begin with "/"'),
  /** Canonical fields that tell one delivery from another; unless said, all of the record does. */
  once: z.array(canonicalPathSchema).min(1, 'must not be empty').max(10, 'must be at most 10').optional(),
});
export type Outbound = z.output<typeof outboundSchema>;

/** Puts something in the place of each field that an outbound path names. */
export function fillPath(path: string, valueOf: (field: string) => string): string {
  return path.replaceAll(/\{\{\s*([^{}]+?)\s*\}\}/g, (_, field: string) => valueOf(field));
}

/** What is wrong with a record. */
export const integrationIssueSchema = z.object({
  ruleId: z.string(),
  field: z.string(),
  message: z.string(),
  /** `structural`: the record has not the form it must have. `behavioral`: it breaks a rule. */
  kind: z.enum(['structural', 'behavioral']),
  severity: severitySchema,
});
export type IntegrationIssue = z.output<typeof integrationIssueSchema>;
