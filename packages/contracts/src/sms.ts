import { z } from 'zod';
import { LIMITS } from './limits.js';
import { idSchema, timestampSchema } from './names.js';

/** A phone number as E.164 has it: `+`, the country's code, the number; 7 to 15 digits in all. */
export const phoneNumberSchema = z
  .string()
  .regex(/^\+[1-9][0-9]{6,14}$/, 'must be a phone number in E.164, such as +4915112345678');

/** Longest text of a message, in UTF-16 code units (JavaScript string length). */
export const SMS_BODY_CHARACTERS = 1_000;

/**
 * `POST /sms/send` → 202, or 200 when `dedupKey` has been used for the very same message before: it is not sent again.
 * What the provider refused has used no key, and may be tried again under it.
 */
export const sendSmsRequestSchema = z.strictObject({
  to: phoneNumberSchema,
  body: z
    .string()
    .min(1, 'must not be empty')
    .max(SMS_BODY_CHARACTERS, `must be at most ${SMS_BODY_CHARACTERS} characters`),
  /** Names this message within the tenant, such as the id of what it is about. */
  dedupKey: z.string().min(1, 'must not be empty').max(255, 'must be at most 255 characters').optional(),
});
export type SendSmsRequest = z.input<typeof sendSmsRequestSchema>;

/**
 * SENDING: the provider is being asked. SENT: it has taken the message over. FAILED: it has refused it, and nothing was
 * sent. UNKNOWN: nobody can say whether it was sent, and it is not sent again.
 */
export const smsStatusSchema = z.enum(['SENDING', 'SENT', 'FAILED', 'UNKNOWN']);
export type SmsStatus = z.output<typeof smsStatusSchema>;

export const smsSentSchema = z.object({
  id: idSchema,
  status: smsStatusSchema,
  /** True when an earlier call with the same `dedupKey` has sent it. */
  alreadySent: z.boolean().optional(),
});
export type SmsSent = z.output<typeof smsSentSchema>;

/** A message that was asked for. The text is kept nowhere but in the memory of the LOG provider. */
export const smsMessageSchema = z.object({
  id: idSchema,
  to: z.string(),
  status: smsStatusSchema,
  /** Only of messages of the LOG provider, of the last ones since the server started; otherwise null. */
  body: z.string().nullable(),
  dedupKey: z.string().nullable(),
  provider: z.string(),
  /** What the provider calls it. */
  providerMessageId: z.string().nullable(),
  /** Why it is FAILED or UNKNOWN. */
  error: z.string().nullable(),
  /** The run that sent it; null when a key did. */
  executionId: idSchema.nullable(),
  createdByUserId: idSchema.nullable(),
  sentAt: timestampSchema.nullable(),
  createdAt: timestampSchema,
  updatedAt: timestampSchema,
});
export type SmsMessage = z.output<typeof smsMessageSchema>;

/** `GET /sms/messages`, newest first. */
export const smsMessagesQuerySchema = z.strictObject({
  limit: z.coerce.number().int().min(1).max(LIMITS.executionsPageMax).default(LIMITS.executionsPageDefault),
  /** Id of the last row of the previous page. */
  before: idSchema.optional(),
  status: smsStatusSchema.optional(),
});
export type SmsMessagesQuery = z.input<typeof smsMessagesQuerySchema>;

const accountSidSchema = z
  .string()
  .regex(/^AC[0-9a-fA-F]{32}$/, 'must be a Twilio account SID: AC and 32 hexadecimal digits');
const baseUrlSchema = z
  .url({ protocol: /^https?$/, error: 'must be an https URL' })
  .max(2_048)
  .refine((text) => {
    if (!URL.canParse(text)) return false;
    const { username, password, search, hash } = new URL(text);
    return username === '' && password === '' && search === '' && hash === '';
  }, 'must have no user name, no password, no query and no fragment');

export const TWILIO_BASE_URL = 'https://api.twilio.com';

/** `PUT /sms/provider` with Twilio: exactly one of `from` and `messagingServiceSid`. */
const putTwilioSchema = z
  .strictObject({
    kind: z.literal('TWILIO'),
    accountSid: accountSidSchema,
    /** May be left out to keep the one that is set, while account and address stay the same. Never answered. */
    authToken: z
      .string()
      .regex(/^[\x21-\x7e]{1,256}$/, 'must be 1 to 256 visible ASCII characters')
      .optional(),
    /** The sender: a number of the account, or a sender id of up to 11 letters and digits. */
    from: z
      .string()
      .regex(
        /^(\+[1-9][0-9]{6,14}|[0-9]{3,8}|(?=.*[A-Za-z])[A-Za-z0-9 ]{1,11})$/,
        'must be a number in E.164, a short code or a sender id of up to 11 letters and digits',
      )
      .optional(),
    messagingServiceSid: z
      .string()
      .regex(/^MG[0-9a-fA-F]{32}$/, 'must be a messaging service SID: MG and 32 hexadecimal digits')
      .optional(),
    /** Where its API is, unless it is {@link TWILIO_BASE_URL}. */
    baseUrl: baseUrlSchema.optional(),
    enabled: z.boolean().default(true),
  })
  .refine(
    ({ from, messagingServiceSid }) => (from === undefined) !== (messagingServiceSid === undefined),
    'give exactly one of from and messagingServiceSid',
  );

/** `PUT /sms/provider` with the provider that sends nothing: for development and for trying things out. */
const putLogSchema = z.strictObject({ kind: z.literal('LOG'), enabled: z.boolean().default(true) });

/** `PUT /sms/provider` → 201 when there was none, 200 when it replaces one. */
export const putSmsProviderRequestSchema = z.discriminatedUnion('kind', [putTwilioSchema, putLogSchema]);
export type PutSmsProviderRequest = z.input<typeof putSmsProviderRequestSchema>;

/** Who sends a tenant's messages; never with its credentials. */
export const smsProviderSchema = z.object({
  kind: z.enum(['TWILIO', 'LOG']),
  /** PLATFORM: the tenant has set up none, and the operator's setting stands in. */
  source: z.enum(['TENANT', 'PLATFORM']),
  enabled: z.boolean(),
  accountSid: z.string().nullable(),
  from: z.string().nullable(),
  messagingServiceSid: z.string().nullable(),
  baseUrl: z.string().nullable(),
  createdByUserId: idSchema.nullable(),
  createdAt: timestampSchema.nullable(),
  updatedAt: timestampSchema.nullable(),
});
export type SmsProviderInfo = z.output<typeof smsProviderSchema>;

/** `PUT /sms/opt-outs/:number` → 201 when it is new, 200 when it replaces the reason. */
export const putSmsOptOutRequestSchema = z.strictObject({
  reason: z.string().max(500, 'must be at most 500 characters').nullable().optional(),
});
export type PutSmsOptOutRequest = z.input<typeof putSmsOptOutRequestSchema>;

/** A number that wants no messages of the tenant. */
export const smsOptOutSchema = z.object({
  number: z.string(),
  reason: z.string().nullable(),
  createdAt: timestampSchema,
});
export type SmsOptOut = z.output<typeof smsOptOutSchema>;

/** `GET /sms/opt-outs`, by number. */
export const smsOptOutsQuerySchema = z.strictObject({
  limit: z.coerce.number().int().min(1).max(1_000).default(200),
  /** The last number of the previous page. */
  after: phoneNumberSchema.optional(),
});
export type SmsOptOutsQuery = z.input<typeof smsOptOutsQuerySchema>;
