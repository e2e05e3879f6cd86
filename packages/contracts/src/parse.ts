import { type z } from 'zod';
import { PegasusError } from './errors.js';

/** Parses with a schema, or throws VALIDATION_ERROR with one sentence that names the first wrong field. */
export function parseOrRefuse<T extends z.ZodType>(
  schema: T,
  value: unknown,
  where: 'path' | 'query' | 'body',
): z.output<T> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new PegasusError('VALIDATION_ERROR', describeIssues(parsed.error.issues, where));
}

/** `manifest.diagram: must not be empty (and 2 more problems).` */
function describeIssues(issues: readonly z.core.$ZodIssue[], where: string): string {
  const [first] = issues;
  if (!first) return `The ${where} is not valid.`;
  const field = first.path.length > 0 ? first.path.map(String).join('.') : `the ${where}`;
  const more = issues.length - 1;
  const rest = more > 0 ? ` (and ${more} more problem${more > 1 ? 's' : ''})` : '';
  return `${field}: ${describeIssue(first)}${rest}.`;
}

/** `must be at least 1`, `unknown field "x"`: what is wrong, without where. */
export function describeIssue(issue: z.core.$ZodIssue): string {
  if (issue.code === 'unrecognized_keys') {
    return `unknown field${issue.keys.length > 1 ? 's' : ''} ${issue.keys.map((key) => JSON.stringify(key)).join(', ')}`;
  }
  if (issue.code === 'invalid_type' && issue.message.endsWith('received undefined')) return 'is required';
  const message = issue.message.replace(/^Invalid input: /, '').replace(/\.$/, '');
  return message.charAt(0).toLowerCase() + message.slice(1);
}
