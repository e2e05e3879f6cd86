import { z } from 'zod';
import { integrationIdSchema } from './ingress.js';
import { idSchema, timestampSchema } from './names.js';
import { DEFAULT_GROUP, storedGroupSchema, storedKeySchema } from './stored-values.js';

/** Calls of outside HTTP APIs, made by the platform: workflows name a connection, and never see its credentials. */

/** Largest body of an external call, and of its answer (decompressed). Bytes. */
export const EXTERNAL_REQUEST_BYTES = 1024 * 1024;
export const EXTERNAL_ANSWER_BYTES = 5 * 1024 * 1024;
/** For all of one external call: every attempt and the waiting between them. */
export const EXTERNAL_CALL_SECONDS = 120;

const httpUrlSchema = z
  .url({ protocol: /^https?$/, error: 'must be an https URL' })
  .max(2_048, 'must be at most 2048 characters')
  .refine((text) => {
    if (!URL.canParse(text)) return false;
    const { username, password, hash } = new URL(text);
    return username === '' && password === '' && hash === '';
  }, 'must have no user name, no password and no fragment');

const baseUrlSchema = httpUrlSchema.refine((text) => !text.includes('?'), 'must have no query');

/** A secret of the tenant, by name; its value is read when a call needs it. */
export const secretReferenceSchema = z.strictObject({
  group: storedGroupSchema.default(DEFAULT_GROUP),
  key: storedKeySchema,
});

/** What frames or routes a call, or proves who makes it: said by the platform alone. */
export const RESERVED_EXTERNAL_HEADERS =
  /^(authorization|host|cookie|set-cookie|connection|content-length|expect|keep-alive|te|trailer|transfer-encoding|upgrade|forwarded|via|x-real-ip|idempotency-key|accept-encoding|(proxy|x-forwarded)-.*)$/i;

const headerNameSchema = z
  .string()
  .regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$/, 'must be the name of a header')
  .refine((name) => !RESERVED_EXTERNAL_HEADERS.test(name), 'is reserved for the platform');

const bearerConfigSchema = z.strictObject({ tokenSecret: secretReferenceSchema });
const apiKeyConfigSchema = z.strictObject({ header: headerNameSchema, valueSecret: secretReferenceSchema });
const clientCredentialsConfigSchema = z.strictObject({
  tokenUrl: httpUrlSchema,
  clientId: z
    .string()
    .min(1, 'must not be empty')
    .max(500)
    .regex(/^[\x20-\x7e]*$/, 'must be printable ASCII characters'),
  clientSecret: secretReferenceSchema,
  scope: z.string().min(1).max(2_048).optional(),
  audience: z.string().min(1).max(2_048).optional(),
  /** Where the token endpoint wants the client's id and secret: in the `Authorization` header or in the form. */
  authStyle: z.enum(['basic', 'body']).default('basic'),
});
export type ClientCredentialsConfig = z.output<typeof clientCredentialsConfigSchema>;

export const externalAuthKindSchema = z.enum(['NONE', 'BEARER', 'API_KEY', 'OAUTH2_CLIENT_CREDENTIALS']);

/** How a connection proves who calls. */
export const externalAuthSchema = z.discriminatedUnion('auth', [
  z.strictObject({ auth: z.literal('NONE'), authConfig: z.null().default(null) }),
  z.strictObject({ auth: z.literal('BEARER'), authConfig: bearerConfigSchema }),
  z.strictObject({ auth: z.literal('API_KEY'), authConfig: apiKeyConfigSchema }),
  z.strictObject({
    auth: z.literal('OAUTH2_CLIENT_CREDENTIALS'),
    authConfig: clientCredentialsConfigSchema,
  }),
]);
export type ExternalAuth = z.output<typeof externalAuthSchema>;
export type ExternalAuthRequest = z.input<typeof externalAuthSchema>;

const timeoutSecondsSchema = z.number().int().min(1, 'must be at least 1').max(60, 'must be at most 60');
const connectionFields = {
  name: integrationIdSchema,
  /** https; http only where the operator allows the host. Paths of calls are below it, and cannot leave it. */
  baseUrl: baseUrlSchema,
  /** For each attempt of a call; default 30. */
  timeoutSeconds: timeoutSecondsSchema.default(30),
  enabled: z.boolean().default(true),
};

/** `POST /external-connections` → 201; 409 CONFLICT when the name is taken. */
export const createConnectionRequestSchema = z.discriminatedUnion('auth', [
  externalAuthSchema.options[0].extend(connectionFields),
  externalAuthSchema.options[1].extend(connectionFields),
  externalAuthSchema.options[2].extend(connectionFields),
  externalAuthSchema.options[3].extend(connectionFields),
]);
export type CreateConnectionRequest = z.input<typeof createConnectionRequestSchema>;

/** `PATCH /external-connections/:id`: what is left out stays. `auth` and `authConfig` come together; the name stays. */
export const updateConnectionRequestSchema = z
  .strictObject({
    baseUrl: baseUrlSchema.optional(),
    auth: externalAuthKindSchema.optional(),
    authConfig: z.record(z.string(), z.unknown()).nullable().optional(),
    timeoutSeconds: timeoutSecondsSchema.optional(),
    enabled: z.boolean().optional(),
  })
  .superRefine(({ auth, authConfig }, context) => {
    if (auth === undefined && authConfig === undefined) return;
    const parsed = externalAuthSchema.safeParse({ auth, authConfig });
    for (const { message, path } of parsed.error?.issues ?? []) {
      context.addIssue({ code: 'custom', message, path });
    }
  });
export type UpdateConnectionRequest = z.input<typeof updateConnectionRequestSchema>;

/** An outside HTTP API that workflows may call. It names secrets, and holds none. */
export const connectionSchema = z.object({
  id: idSchema,
  name: z.string(),
  baseUrl: z.string(),
  auth: externalAuthKindSchema,
  authConfig: z.record(z.string(), z.unknown()).nullable(),
  timeoutSeconds: z.number().int(),
  enabled: z.boolean(),
  createdByUserId: idSchema.nullable(),
  createdAt: timestampSchema,
  updatedAt: timestampSchema,
});
export type Connection = z.output<typeof connectionSchema>;

/** `POST /external-connections/:id/test`: one read, made at once and never repeated. */
export const testConnectionRequestSchema = z.strictObject({
  method: z.enum(['GET', 'HEAD']).default('GET'),
  path: z.string().min(1).max(2_048).default('/'),
});
export type TestConnectionRequest = z.input<typeof testConnectionRequestSchema>;

export const connectionTestSchema = z.object({
  /** Whether there was an answer that is neither a refusal of the credentials (401, 403) nor a failure (5xx). */
  ok: z.boolean(),
  /** HTTP status of the answer; null when there was none. */
  status: z.number().int().nullable(),
  error: z.string().nullable(),
  durationMs: z.number().int(),
});
export type ConnectionTest = z.output<typeof connectionTestSchema>;

const queryValueSchema = z.union([z.string(), z.number(), z.boolean()]);

const callFields = {
  method: z.enum(['GET', 'HEAD', 'OPTIONS', 'POST', 'PUT', 'PATCH', 'DELETE']).default('GET'),
  /** Below the connection's base URL; begins with `/`. Percent-encode what is data: `/orders/a%2Fb`. */
  path: z
    .string()
    .min(1)
    .max(4_096, 'must be at most 4096 characters')
    .startsWith('/', 'must begin with "/"'),
  /** Encoded for you; a list repeats its name. */
  query: z.record(z.string(), z.union([queryValueSchema, z.array(queryValueSchema)])).optional(),
  headers: z
    .record(z.string().max(128), z.string().max(8_192))
    .refine((headers) => Object.keys(headers).length <= 50, 'must be at most 50')
    .optional(),
  /** Any JSON; with `bodyEncoding` text or base64 a string. */
  body: z.unknown().optional(),
  bodyEncoding: z.enum(['json', 'text', 'base64']).default('json'),
  /** Sent as `Idempotency-Key`: tells that the call may be repeated, whatever its method. */
  idempotencyKey: z
    .string()
    .regex(/^[\x21-\x7e]{1,255}$/, 'must be 1 to 255 visible ASCII characters')
    .optional(),
  /** For each attempt; the connection's own unless said. */
  timeoutSeconds: timeoutSecondsSchema.optional(),
  /** Of calls that may be repeated, and of those that certainly did not arrive. */
  maxAttempts: z.number().int().min(1, 'must be at least 1').max(5, 'must be at most 5').default(3),
};

/** `POST /integrations/:id/call-external`, where `:id` is the name of the connection. */
export const callExternalBodySchema = z.strictObject(callFields);
export type CallExternalBody = z.input<typeof callExternalBodySchema>;

/** `POST /external-calls` → 200, whatever the outside API answers: its 4xx and 5xx are answers, not errors. */
export const callExternalRequestSchema = z.strictObject({ connection: integrationIdSchema, ...callFields });
export type CallExternalRequest = z.input<typeof callExternalRequestSchema>;

/** What the outside API has answered. */
export const externalAnswerSchema = z.object({
  status: z.number().int(),
  /** Lower-case names; cookies are left out. */
  headers: z.record(z.string(), z.string()),
  /** Parsed when it is JSON; text; or base64 of the bytes; null when there is none. */
  body: z.unknown(),
  bodyEncoding: z.enum(['json', 'text', 'base64', 'none']),
  attempts: z.number().int(),
  durationMs: z.number().int(),
});
export type ExternalAnswer = z.output<typeof externalAnswerSchema>;
