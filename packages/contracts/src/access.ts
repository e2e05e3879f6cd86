import { z } from 'zod';
import { actionSchema, roleSchema } from './actions.js';
import { LIMITS } from './limits.js';
import { idSchema, timestampSchema } from './names.js';

const displayNameSchema = z
  .string()
  .trim()
  .min(1, 'must not be empty')
  .max(200, 'must be at most 200 characters');
const slugSchema = z
  .string()
  .regex(
    /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/,
    'must be 1 to 63 lower-case letters, digits or "-", with a letter or digit at both ends',
  );
const rolesSchema = z
  .array(roleSchema)
  .min(1, 'must name at least one role')
  .transform((roles) => [...new Set(roles)]);

/** Pages of members, keys and tenants, newest first. `before` is the id of the last row of the previous page. */
export const pageQuerySchema = z.strictObject({
  limit: z.coerce.number().int().min(1).max(LIMITS.executionsPageMax).default(LIMITS.executionsPageDefault),
  before: idSchema.optional(),
});
export type PageQuery = z.infer<typeof pageQuerySchema>;

/** `null` is the platform's own limit. */
export const quotasSchema = z.object({
  maxOpenExecutions: z.number().int().min(0).nullable(),
  maxExecutionsPerDay: z.number().int().min(0).nullable(),
  /** Largest input of a run and payload of an event, in bytes of JSON. */
  maxPayloadBytes: z.number().int().min(0).nullable(),
  /** Artifacts, stored values, projections and configurations of integrations together, in bytes. */
  maxStorageBytes: z.number().int().min(0).nullable(),
  /** Runs begun per second in the long run, and ten times as many at once; absent from older servers. */
  maxStartsPerSecond: z.number().int().min(1).nullable().default(null),
});
/** The database keeps all but the storage in 32 bits. */
const quota = z.number().int().min(0).max(2_147_483_647).nullable().optional();
const quotasRequestSchema = z.strictObject({
  maxOpenExecutions: quota,
  maxExecutionsPerDay: quota,
  maxPayloadBytes: quota,
  maxStorageBytes: z.number().int().min(0).max(Number.MAX_SAFE_INTEGER).nullable().optional(),
  maxStartsPerSecond: z.number().int().min(1).max(1_000_000).nullable().optional(),
});
export type QuotasRequest = z.infer<typeof quotasRequestSchema>;

/** `GET /quotas`: the limits in force, and what is used of each. */
export const quotaUseSchema = z.object({
  openExecutions: z.object({ limit: z.number().int(), used: z.number().int() }),
  /** Started since midnight UTC; `resetsAt` is the next one. */
  executionsToday: z.object({
    limit: z.number().int(),
    used: z.number().int(),
    resetsAt: timestampSchema,
  }),
  /** In the long run; `burst` of them at once. Absent from older servers. */
  startsPerSecond: z.object({ limit: z.number().int(), burst: z.number().int() }).optional(),
  /** Of one input or payload; null: as large as a request may be. */
  payloadBytes: z.object({ limit: z.number().int().nullable() }),
  /** `used` is the sum of the others. */
  storageBytes: z.object({
    limit: z.number().int().nullable(),
    used: z.number().int(),
    /** Of every version, each artifact once, retired ones too. */
    artifacts: z.number().int(),
    /** Announced by uploads that are not finished yet. */
    uploads: z.number().int(),
    /** Secrets, as they are sealed, and configuration. */
    storedValues: z.number().int(),
    projections: z.number().int(),
    /** Configurations of integrations; absent from servers before 0.2. */
    integrations: z.number().int().optional(),
    /** Large values of runs, as they are encrypted; they go some weeks after their last use. */
    payloads: z.number().int(),
  }),
});
export type QuotaUse = z.infer<typeof quotaUseSchema>;

export const tenantSchema = z.object({
  id: idSchema,
  slug: z.string(),
  displayName: z.string().nullable(),
  /** The platform tenant: its workflows are GLOBAL. */
  isPlatform: z.boolean(),
  /** Since when no key of the tenant works; null: it is enabled. */
  disabledAt: timestampSchema.nullable(),
  quotas: quotasSchema,
  createdAt: timestampSchema,
  updatedAt: timestampSchema,
});
export type Tenant = z.infer<typeof tenantSchema>;

/** `POST /tenants`, by the platform tenant → 201 {@link createdTenantSchema}; 409 when the slug is taken. */
export const createTenantRequestSchema = z.strictObject({
  slug: slugSchema,
  displayName: displayNameSchema.optional(),
  quotas: quotasRequestSchema.optional(),
});
export type CreateTenantRequest = z.infer<typeof createTenantRequestSchema>;

/** `PATCH /tenants/:id`: what is not named stays. */
export const updateTenantRequestSchema = z.strictObject({
  displayName: displayNameSchema.nullable().optional(),
  quotas: quotasRequestSchema.optional(),
  disabled: z.boolean().optional(),
});
export type UpdateTenantRequest = z.infer<typeof updateTenantRequestSchema>;

/** USER: a person, by e-mail. SERVICE_ACCOUNT: a program, by name. */
export const memberKindSchema = z.enum(['USER', 'SERVICE_ACCOUNT']);

export const memberSchema = z.object({
  id: idSchema,
  kind: memberKindSchema,
  name: z.string(),
  /** Of a person, lower case. */
  email: z.string().nullable(),
  /** What the member's keys may have at most; null: no limit was ever set. */
  roles: z.array(roleSchema).nullable(),
  /** Since when none of its keys works; null: it is enabled. */
  disabledAt: timestampSchema.nullable(),
  createdByUserId: idSchema.nullable(),
  createdAt: timestampSchema,
  updatedAt: timestampSchema,
});
export type Member = z.infer<typeof memberSchema>;

/** `POST /members` → 201 Member; 409 when the e-mail, or the service account's name, is taken. */
export const addMemberRequestSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('USER'),
    email: z
      .email('must be an e-mail address')
      .max(254)
      .transform((text) => text.toLowerCase()),
    /** The e-mail address unless said. */
    name: displayNameSchema.optional(),
    roles: rolesSchema,
  }),
  z.strictObject({
    kind: z.literal('SERVICE_ACCOUNT'),
    name: displayNameSchema,
    roles: rolesSchema,
  }),
]);
export type AddMemberRequest = z.input<typeof addMemberRequestSchema>;

/** `PATCH /members/:id`: what is not named stays. Fewer roles take effect on the member's keys at once. */
export const updateMemberRequestSchema = z.strictObject({
  roles: rolesSchema.optional(),
  disabled: z.boolean().optional(),
});
export type UpdateMemberRequest = z.infer<typeof updateMemberRequestSchema>;

export const apiKeySchema = z.object({
  id: idSchema,
  memberId: idSchema,
  memberName: z.string(),
  /** What people call it. */
  name: z.string().nullable(),
  /** The key's first characters, to tell it from others. */
  prefix: z.string(),
  roles: z.array(roleSchema),
  expiresAt: timestampSchema.nullable(),
  revokedAt: timestampSchema.nullable(),
  /** Within about a minute; null: never used. */
  lastUsedAt: timestampSchema.nullable(),
  /** The key that this one takes over from. */
  rotatedFromId: idSchema.nullable(),
  createdByUserId: idSchema.nullable(),
  createdAt: timestampSchema,
});
export type ApiKey = z.infer<typeof apiKeySchema>;

/** A key just made. `key` is the only copy there will ever be. */
export const createdApiKeySchema = apiKeySchema.extend({ key: z.string() });
export type CreatedApiKey = z.infer<typeof createdApiKeySchema>;

/** A tenant just made, with the key of its first administrator. */
export const createdTenantSchema = tenantSchema.extend({ adminKey: createdApiKeySchema });
export type CreatedTenant = z.infer<typeof createdTenantSchema>;

/** `GET /keys`: those that work, unless `all=true`. */
export const apiKeysQuerySchema = pageQuerySchema.extend({
  memberId: idSchema.optional(),
  all: z
    .enum(['true', 'false'])
    .default('false')
    .transform((text) => text === 'true'),
});

export type ApiKeysQuery = z.infer<typeof apiKeysQuerySchema>;

/** `POST /keys` → 201 {@link createdApiKeySchema}. What the key may do is what both it and the member may. */
export const createApiKeyRequestSchema = z.strictObject({
  memberId: idSchema,
  roles: rolesSchema,
  name: displayNameSchema.optional(),
  /** Works until then; for ever unless said. */
  expiresAt: timestampSchema.optional(),
});
export type CreateApiKeyRequest = z.infer<typeof createApiKeyRequestSchema>;

/** `POST /keys/:id/rotate` → 201 {@link createdApiKeySchema}, with the member, roles and name of the old key. */
export const rotateApiKeyRequestSchema = z.strictObject({
  /** How long the old key goes on working; 0 revokes it at once. An hour unless said. */
  overlapSeconds: z.number().int().min(0).max(LIMITS.keyOverlapSeconds).default(3_600),
  /** Until when the new key works. Unless said, as long as the old one was made for; for ever when that was. */
  expiresAt: timestampSchema.optional(),
});
export type RotateApiKeyRequest = z.input<typeof rotateApiKeyRequestSchema>;

/** `GET /whoami`: who makes the call, and what they may do. */
export const whoAmISchema = z.object({
  tenant: z.object({
    id: idSchema,
    slug: z.string(),
    displayName: z.string().nullable(),
    isPlatform: z.boolean(),
  }),
  /** Null when a running execution makes the call that no member started. */
  member: z
    .object({
      id: idSchema,
      kind: memberKindSchema,
      name: z.string(),
      email: z.string().nullable(),
      roles: z.array(roleSchema).nullable(),
    })
    .nullable(),
  /** Null when a running execution makes the call. */
  key: apiKeySchema.pick({ id: true, name: true, prefix: true, roles: true, expiresAt: true }).nullable(),
  /** Set when a running execution makes the call, with its runtime token. */
  execution: z.object({ id: idSchema, workflowId: idSchema, dryRun: z.boolean() }).nullable(),
  /** What the call may do, in the order of the table of actions. */
  actions: z.array(actionSchema),
});
export type WhoAmI = z.infer<typeof whoAmISchema>;
