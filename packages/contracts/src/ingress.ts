import { z } from 'zod';
import { isPlainText, payloadPathSchema } from './ingress-paths.js';
import { INGRESS_PRESETS, signatureSchemeSchema } from './ingress-signatures.js';
import { idSchema, timestampSchema } from './names.js';

export * from './ingress-paths.js';
export * from './ingress-signatures.js';

/** What an integration is called, wherever one is named. */
export const INTEGRATION_ID_PATTERN = /^[A-Za-z0-9._:-]{1,256}$/;
export const integrationIdSchema = z
  .string()
  .regex(INTEGRATION_ID_PATTERN, 'must be 1 to 256 letters, digits, ".", "_", ":" or "-"');

/** The type of an ingress's events unless it says another. */
export const DEFAULT_INGRESS_EVENT_TYPE = 'pegasus_event.received';
/** Seconds that the secret before a rotation still works, unless the rotation says otherwise. */
export const DEFAULT_OVERLAP_SECONDS = 86_400;
const OVERLAP_SECONDS_MAX = 30 * 86_400;
/** Headers that an event may keep, and that an acknowledgement may set. */
const HEADERS_MAX = 20;
const ACKNOWLEDGEMENT_BYTES = 16 * 1024;

const HEADER_NAME = /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$/;
const headerNameSchema = z.string().regex(HEADER_NAME, 'must be the name of an HTTP header');

/** What carries credentials never becomes part of an event. */
const PRIVATE_HEADERS = /^(authorization|proxy-.*|cookie|.*(signature|hmac|secret|token|api-?key).*)$/i;
const keepHeadersSchema = z
  .array(
    headerNameSchema
      .toLowerCase()
      .refine((name) => !PRIVATE_HEADERS.test(name), 'names a header that may carry a credential'),
  )
  .max(HEADERS_MAX);

/** What the platform, or whoever stands before it, says itself. */
const RESERVED_HEADERS =
  /^(connection|content-encoding|content-length|date|keep-alive|location|retry-after|server|set-cookie|strict-transport-security|te|trailer|transfer-encoding|upgrade|via|www-authenticate|x-content-type-options|access-control-.*|proxy-.*|sec-.*)$/i;

/**
 * What a partner is answered, after its event is safely written. `{{path}}` in the body is the value at that dotted path
 * of the payload; `{{eventId}}` and `{{receivedAt}}` are the event's own.
 */
export const acknowledgementSchema = z
  .strictObject({
    status: z.number().int().min(200).max(299).default(200),
    headers: z
      .record(headerNameSchema, z.string().max(1_024).refine(isPlainText, 'must be printable ASCII'))
      .default({}),
    /** An object or a list is answered as JSON; a text as it is. Absent: an empty body. */
    body: z.union([z.string(), z.array(z.unknown()), z.record(z.string(), z.unknown())]).optional(),
  })
  .superRefine(({ status, headers, body }, context) => {
    const names = Object.keys(headers).map((name) => name.toLowerCase());
    const refuse = (message: string, ...path: string[]) =>
      context.addIssue({ code: 'custom', path, message });
    if (names.length > HEADERS_MAX) refuse(`must be at most ${HEADERS_MAX}`, 'headers');
    if (new Set(names).size < names.length) refuse('must name each header once', 'headers');
    for (const name of names)
      if (RESERVED_HEADERS.test(name)) refuse('is set by the platform itself; leave it out', 'headers', name);
    if (body === undefined) return;
    if (status === 204 || status === 205) refuse(`must be left out: an answer ${status} has none`, 'body');
    if (JSON.stringify(body).length > ACKNOWLEDGEMENT_BYTES)
      refuse(`must be at most ${ACKNOWLEDGEMENT_BYTES} characters of JSON`, 'body');
    const contentType = Object.entries(headers).find(([name]) => name.toLowerCase() === 'content-type')?.[1];
    if (typeof body === 'string' && /json|html|script/i.test(contentType ?? ''))
      refuse('must be an object or a list for JSON; a text cannot be HTML or a script', 'body');
    if (typeof body !== 'string' && contentType !== undefined && !/json/i.test(contentType))
      refuse('must be a text for a content type that is not JSON', 'body');
  });
export type Acknowledgement = z.output<typeof acknowledgementSchema>;

/** Where the value that tells one delivery from another is: `data.id`, or `header:X-GitHub-Delivery`. */
export const dedupPathSchema = z
  .string()
  .max(256)
  .refine(
    (path) =>
      path.startsWith('header:')
        ? HEADER_NAME.test(path.slice(7))
        : payloadPathSchema.safeParse(path).success,
    'must be a dotted path in the payload, such as data.id, or header:<name>',
  );

export const ingressAuthSchema = z.enum(['BEARER', 'HMAC']);
export const ingressPresetSchema = z.enum(Object.keys(INGRESS_PRESETS) as [keyof typeof INGRESS_PRESETS]);

const eventTypeNameSchema = z
  .string()
  .regex(
    /^[a-z][a-z0-9_.-]{0,127}$/,
    'must be 1 to 128 lower-case letters, digits, "_", "." or "-", starting with a letter',
  );
/** A secret that the partner has chosen. */
const givenSecretSchema = z
  .string()
  .min(8, 'must be at least 8 characters')
  .max(1_024, 'must be at most 1024 characters');

const settable = {
  eventType: eventTypeNameSchema.optional(),
  signature: signatureSchemeSchema.optional(),
  keepHeaders: keepHeadersSchema.optional(),
  enabled: z.boolean().optional(),
};

/** `POST /integrations/:id/ingress`. With `preset` everything it knows of the partner may be left out. */
export const createIngressRequestSchema = z
  .strictObject({
    ...settable,
    preset: ingressPresetSchema.optional(),
    auth: ingressAuthSchema.optional(),
    dedupPath: dedupPathSchema.optional(),
    acknowledgement: acknowledgementSchema.optional(),
    /** HMAC only, when the partner dictates it; otherwise one is made. */
    secret: givenSecretSchema.optional(),
  })
  .superRefine(({ preset, auth, signature, secret }, context) => {
    const refuse = (path: string, message: string) =>
      context.addIssue({ code: 'custom', path: [path], message });
    if (auth === undefined && preset === undefined)
      refuse('auth', 'must be BEARER or HMAC, or give a preset');
    if (auth === 'BEARER') {
      if (preset !== undefined) refuse('auth', 'must be HMAC, or left out, with a preset');
      if (signature !== undefined) refuse('signature', 'must be left out with auth BEARER');
      if (secret !== undefined) refuse('secret', 'must be left out with auth BEARER: a token is made');
    } else if (signature === undefined && preset === undefined && auth === 'HMAC') {
      refuse('signature', 'is required with auth HMAC, unless a preset is given');
    }
  });
export type CreateIngressRequest = z.input<typeof createIngressRequestSchema>;

/** `PATCH …/ingress`: what is left out stays; `null` takes away. How callers prove themselves cannot change its kind. */
export const updateIngressRequestSchema = z.strictObject({
  ...settable,
  dedupPath: dedupPathSchema.nullable().optional(),
  acknowledgement: acknowledgementSchema.nullable().optional(),
});
export type UpdateIngressRequest = z.input<typeof updateIngressRequestSchema>;

/** How long the secret before a rotation still works. */
export const overlapSecondsSchema = z
  .number()
  .int()
  .min(0)
  .max(OVERLAP_SECONDS_MAX, `must be at most ${OVERLAP_SECONDS_MAX} (30 days)`)
  .default(DEFAULT_OVERLAP_SECONDS);

export const rotateIngressRequestSchema = z.strictObject({
  overlapSeconds: overlapSecondsSchema,
  secret: givenSecretSchema.optional(),
});
export type RotateIngressRequest = z.input<typeof rotateIngressRequestSchema>;

/** Where an outside system's webhooks come in; never with its secret. */
export const ingressSchema = z.object({
  id: idSchema,
  integrationId: z.string(),
  /** What the partner calls, by POST. */
  url: z.url(),
  auth: ingressAuthSchema,
  /** First characters of the token or secret; `null` when the partner made it. */
  secretPrefix: z.string().nullable(),
  /** Until when the secret before the last rotation works too. */
  previousSecretExpiresAt: timestampSchema.nullable(),
  signature: signatureSchemeSchema.nullable(),
  eventType: z.string(),
  dedupPath: z.string().nullable(),
  keepHeaders: z.array(z.string()),
  acknowledgement: acknowledgementSchema.nullable(),
  enabled: z.boolean(),
  /** Within about ten seconds. */
  lastReceivedAt: timestampSchema.nullable(),
  createdByUserId: idSchema.nullable(),
  createdAt: timestampSchema,
  updatedAt: timestampSchema,
});
export type Ingress = z.output<typeof ingressSchema>;

/** The answer of create and rotate, the only one that ever shows the secret; `null` when the caller gave it. */
export const ingressWithSecretSchema = ingressSchema.extend({ secret: z.string().nullable() });
export type IngressWithSecret = z.output<typeof ingressWithSecretSchema>;

/** The payload of an event that came in by an ingress. */
export const ingressEventPayloadSchema = z.object({
  integrationId: z.string(),
  receivedAt: timestampSchema,
  /** The kept headers of the partner's call, in lower case. */
  headers: z.record(z.string(), z.string()),
  /** JSON as it came, a form as an object of its fields, anything else as `{raw}`. */
  body: z.unknown(),
});
export type IngressEventPayload = z.output<typeof ingressEventPayloadSchema>;
