import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { LIMITS } from '@pegasus-workflows/contracts';
import { z } from 'zod';

/**
 * Parses a process's environment with a schema. A wrong or missing variable ends in one sentence that names it;
 * the value itself is never repeated, because it may be a secret.
 */
export function parseEnv<T extends z.ZodType>(schema: T, env: NodeJS.ProcessEnv = process.env): z.infer<T> {
  const parsed = schema.safeParse(env);
  if (parsed.success) return parsed.data;
  const issues = parsed.error.issues.map(
    (issue) => `${issue.path.join('.') || 'environment'}: ${issue.message}`,
  );
  throw new Error(`settings are not usable: ${issues.join('; ')}`);
}

/** A setting that is `on`, also when it is not given, or `off`. */
export const switchSchema = z
  .enum(['on', 'off'], { error: 'must be on or off' })
  .default('on')
  .transform((value) => value === 'on');

/** How many calls of one tenant Temporal has to do with at once, of those that do not wait there: two for each core. */
export const callsAtOnce = Math.max(4, 2 * availableParallelism());

/** `PEGASUS_MAX_RUN_SECONDS`, which server and supervisor hold runs and child runs to. */
export const runSecondsSchema = z.coerce
  .number()
  .int()
  .min(1)
  .max(LIMITS.workflowTimeoutSeconds)
  .default(LIMITS.workflowTimeoutSeconds);

/**
 * A secret from `NAME`, or from the file that `NAME_FILE` points at (trailing newline dropped). Processes are handed
 * secrets by file, so that none shows in `ps` or in an inherited environment. An empty value counts as none.
 */
export function secretFromEnv(name: string, env: NodeJS.ProcessEnv = process.env): string | undefined {
  const file = env[`${name}_FILE`];
  const value = file ? readFileSync(file, 'utf8').trimEnd() : env[name];
  return value === '' ? undefined : value;
}
