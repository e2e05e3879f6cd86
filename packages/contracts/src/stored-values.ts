import { z } from 'zod';
import { idSchema, timestampSchema } from './names.js';

/** The group of a secret or configuration value that names none. */
export const DEFAULT_GROUP = 'global';

/** Longest value of a secret or of configuration, in UTF-16 code units (JavaScript string length). */
export const STORED_VALUE_CHARACTERS = 65_536;

/** Largest request that carries a value: every character of it may be written as `\uXXXX`. Bytes. */
export const STORED_VALUE_BODY_BYTES = 512 * 1024;

export const storedKeySchema = z
  .string()
  .regex(
    /^[a-zA-Z_][a-zA-Z0-9_]{0,127}$/,
    'must be 1 to 128 letters, digits and "_", and not start with a digit',
  );

export const storedGroupSchema = z
  .string()
  .min(1, 'must not be empty')
  .max(128, 'must be at most 128 characters')
  .regex(/^[^\0]*$/, 'must not hold a NUL character');

const valueSchema = z
  .string()
  .max(STORED_VALUE_CHARACTERS, `must be at most ${STORED_VALUE_CHARACTERS} characters`);
const descriptionSchema = z.string().max(500, 'must be at most 500 characters');

const metadata = {
  id: idSchema,
  group: z.string(),
  key: z.string(),
  description: z.string().nullable(),
  createdByUserId: idSchema.nullable(),
  createdAt: timestampSchema,
  updatedAt: timestampSchema,
};

/** What is told of a secret; its value never is, but to a running execution that declares `ReadWorkflowSecret`. */
export const secretSchema = z.object({ ...metadata, isSecret: z.literal(true) });
export type Secret = z.infer<typeof secretSchema>;

export const configSchema = z.object({ ...metadata, value: z.string(), isSecret: z.literal(false) });
export type Config = z.infer<typeof configSchema>;

/** `POST …/secrets` → 201 Secret. Write-once: 409 CONFLICT when the key has a value. */
export const newSecretSchema = z.strictObject({
  key: storedKeySchema,
  value: valueSchema.min(1, 'must not be empty'),
  group: storedGroupSchema.optional(),
  description: descriptionSchema.optional(),
});
export type NewSecret = z.infer<typeof newSecretSchema>;

/** `POST …/configs` → 201 Config; 409 CONFLICT when the key has a value. */
export const newConfigSchema = z.strictObject({
  key: storedKeySchema,
  value: valueSchema,
  group: storedGroupSchema.optional(),
  description: descriptionSchema.optional(),
});
export type NewConfig = z.infer<typeof newConfigSchema>;

/** `PUT …/configs/:key` → 201 when it is new, 200 when it replaces a value. */
export const putConfigSchema = newConfigSchema.omit({ key: true });
export type PutConfig = z.infer<typeof putConfigSchema>;

/** `?group=` of a list: only this group. */
export const storedListQuerySchema = z.strictObject({ group: storedGroupSchema.optional() });
/** `?group=` of one value. */
export const storedValueQuerySchema = z.strictObject({ group: storedGroupSchema.default(DEFAULT_GROUP) });

/** `GET …/runtime/secrets/:key` and `…/runtime/configs/:key`. */
export const runtimeValueSchema = z.object({ value: z.string() });

/** `GET /api/v1/master-keys`, for the platform tenant: which keys there are and what still needs each; never a key. */
export const masterKeysSchema = z.object({
  /** What new values are sealed with. */
  currentKeyId: z.string(),
  keys: z.array(
    z.object({
      keyId: z.string(),
      /** Whether it is in the platform's key set; false: the values that need it cannot be read. */
      present: z.boolean(),
      current: z.boolean(),
      /** How many sealed values need it. */
      values: z.number().int().nonnegative(),
      /** It is not the current one and no value needs it. */
      removable: z.boolean(),
    }),
  ),
});
export type MasterKeys = z.infer<typeof masterKeysSchema>;
