import { z } from 'zod';

const HEADER = z
  .string()
  .toLowerCase()
  .regex(/^[a-z0-9!#$%&'*+.^_`|~-]{1,100}$/, 'must be the name of an HTTP header');

/** What exactly a partner signs. `url+form`: the URL that was called, then each form field's name and value, sorted by name. */
export const SIGNED_CONTENTS = [
  'body',
  'timestamp.body',
  'id.timestamp.body',
  'v0:timestamp:body',
  'url+form',
] as const;

/** How a partner signs its calls: an HMAC over what it sent, in a header. */
export const signatureSchemeSchema = z
  .strictObject({
    /** Where the signature is. */
    header: HEADER,
    algorithm: z.enum(['sha256', 'sha512', 'sha1']).default('sha256'),
    encoding: z.enum(['hex', 'base64']).default('hex'),
    /** What stands before the signature, such as `sha256=`. */
    prefix: z.string().min(1).max(32).optional(),
    /** What stands between the parts of the header, when it has several. */
    separator: z.enum([',', ' ']).optional(),
    signedContent: z.enum(SIGNED_CONTENTS).default('body'),
    /** Where the time of signing is, in seconds since 1970: a header of its own, … */
    timestampHeader: HEADER.optional(),
    /** … or a part of the signature's header, `t` for `t=1700000000`. */
    timestampField: z
      .string()
      .regex(/^[A-Za-z0-9_-]{1,32}$/)
      .optional(),
    /** How far that time may be from ours, either way. */
    toleranceSeconds: z.number().int().min(1).max(86_400).optional(),
    /** Where the id of the delivery is, when it is signed too. */
    idHeader: HEADER.optional(),
    /** `base64`: the key is what the secret's text stands for, after `whsec_`; `utf8`: the text itself. */
    secretEncoding: z.enum(['utf8', 'base64']).default('utf8'),
  })
  .superRefine((scheme, context) => {
    const refuse = (path: string, message: string) =>
      context.addIssue({ code: 'custom', path: [path], message });
    const signsTime = scheme.signedContent.includes('timestamp');
    const places = [scheme.timestampHeader, scheme.timestampField].filter((place) => place !== undefined);
    if (signsTime && places.length !== 1)
      refuse(
        'timestampHeader',
        `or timestampField, one of them, is required to check ${scheme.signedContent}`,
      );
    // A time that is not signed could be anybody's, and would only look like protection.
    if (!signsTime && places.length > 0)
      refuse('timestampHeader', `must be left out: ${scheme.signedContent} does not sign a time`);
    if (!signsTime && scheme.toleranceSeconds !== undefined)
      refuse('toleranceSeconds', `must be left out: ${scheme.signedContent} does not sign a time`);
    if (scheme.timestampField !== undefined && scheme.separator === undefined)
      refuse('separator', 'is required with timestampField');
    if (scheme.signedContent.startsWith('id.') !== (scheme.idHeader !== undefined))
      refuse('idHeader', 'is required when the id is signed, and must be left out otherwise');
  });
export type SignatureScheme = z.output<typeof signatureSchemeSchema>;

/** What is known of a partner, so that nobody has to look it up. */
export interface IngressPreset {
  title: string;
  signature: z.input<typeof signatureSchemeSchema>;
  dedupPath: string;
  keepHeaders: readonly string[];
  acknowledgement?: {
    status?: number;
    headers?: Record<string, string>;
    body?: string | Record<string, unknown>;
  };
}

/** Partners whose manner of signing is known by name. Every field can be set to something else beside `preset`. */
export const INGRESS_PRESETS = {
  stripe: {
    title: 'Stripe',
    signature: {
      header: 'stripe-signature',
      separator: ',',
      prefix: 'v1=',
      signedContent: 'timestamp.body',
      timestampField: 't',
    },
    dedupPath: 'id',
    keepHeaders: [],
  },
  github: {
    title: 'GitHub',
    signature: { header: 'x-hub-signature-256', prefix: 'sha256=' },
    dedupPath: 'header:x-github-delivery',
    keepHeaders: ['x-github-event', 'x-github-delivery'],
  },
  shopify: {
    title: 'Shopify',
    signature: { header: 'x-shopify-hmac-sha256', encoding: 'base64' },
    dedupPath: 'header:x-shopify-webhook-id',
    keepHeaders: ['x-shopify-topic', 'x-shopify-shop-domain', 'x-shopify-webhook-id'],
  },
  slack: {
    title: 'Slack',
    signature: {
      header: 'x-slack-signature',
      prefix: 'v0=',
      signedContent: 'v0:timestamp:body',
      timestampHeader: 'x-slack-request-timestamp',
    },
    dedupPath: 'event_id',
    keepHeaders: ['x-slack-retry-num'],
    acknowledgement: { body: { challenge: '{{challenge}}' } },
  },
  twilio: {
    title: 'Twilio',
    signature: {
      header: 'x-twilio-signature',
      algorithm: 'sha1',
      encoding: 'base64',
      signedContent: 'url+form',
    },
    dedupPath: 'header:i-twilio-idempotency-token',
    keepHeaders: [],
    acknowledgement: { headers: { 'content-type': 'text/xml' }, body: '<Response/>' },
  },
  'standard-webhooks': {
    title: 'Standard Webhooks',
    signature: {
      header: 'webhook-signature',
      encoding: 'base64',
      separator: ' ',
      prefix: 'v1,',
      signedContent: 'id.timestamp.body',
      timestampHeader: 'webhook-timestamp',
      idHeader: 'webhook-id',
      secretEncoding: 'base64',
    },
    dedupPath: 'header:webhook-id',
    keepHeaders: ['webhook-id', 'webhook-timestamp'],
  },
} as const satisfies Record<string, IngressPreset>;
