import { ACTIONS, LIMITS } from '@pegasus-workflows/contracts';
import type { z } from 'zod';
import { nearest } from '@pegasus-workflows/contracts/nearest';
import type { TomlPath } from '../toml/index.js';

interface Description {
  /** A key below the issue's own path, for keys that should not be there. */
  key?: string;
  message: string;
  fix: string;
}

/** What to do about a wrong value, by TOML key. */
const FIXES: Record<string, string> = {
  name: 'write name = "my-workflow"',
  version: 'write version = "1.0.0"',
  entry_points: 'write entry_points = ["<source_dir>/workflow:<export>"]',
  description: 'write one sentence as a string of at most 2000 characters',
  required_actions: `use a list of action ids out of ${ACTIONS.join(', ')}`,
  timeout_seconds: `use a whole number of seconds from 1 to ${LIMITS.workflowTimeoutSeconds} (366 days)`,
  required_secrets: 'write required_secrets = [{ key = "API_KEY" }]',
  required_configs: 'write required_configs = [{ key = "REGION" }]',
};

const REQUIREMENT_KEYS = ['key', 'group', 'description'];

/** Turns one zod issue of a manifest into sentences in the words of the TOML file. */
export function describeIssue(issue: z.core.$ZodIssue, path: TomlPath, wire: unknown): Description[] {
  const field = fieldName(path);
  const fix = FIXES[String(path[0])] ?? 'correct this value';
  const value = valueAt(wire, issue.path);
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) => ({
      key,
      message: `\`${field}\` has the unknown key \`${key}\``,
      fix: keyFix(key),
    }));
  if (value === undefined) return [{ message: `\`${field}\` is missing`, fix }];
  if (issue.code === 'invalid_type')
    return [{ message: `\`${field}\` must be ${withArticle(issue.expected)}, and is ${kindOf(value)}`, fix }];
  if (issue.code === 'invalid_value' && typeof value === 'string') {
    const action = nearest(value, ACTIONS);
    return [
      {
        message: `\`${field}\` "${value}" is not a known action`,
        fix: action === undefined ? fix : `did you mean "${action}"?`,
      },
    ];
  }
  if (issue.code === 'too_small' && issue.origin === 'number')
    return [{ message: `\`${field}\` must be at least ${issue.minimum}, and is ${String(value)}`, fix }];
  if (issue.code === 'too_big')
    return [{ message: `\`${field}\` must be at most ${issue.maximum}${unit(issue.origin)}`, fix }];
  const shown = typeof value === 'string' && value.length <= 100 ? ` "${value}"` : '';
  return [{ message: `\`${field}\`${shown} ${issue.message}`, fix }];
}

function keyFix(key: string): string {
  const suggestion = nearest(key, REQUIREMENT_KEYS);
  if (suggestion !== undefined) return `did you mean \`${suggestion}\`?`;
  return `remove it; the known keys are ${REQUIREMENT_KEYS.join(', ')}`;
}

function fieldName(path: TomlPath): string {
  return path
    .map((part, index) => (typeof part === 'number' ? `[${part}]` : index ? `.${part}` : part))
    .join('');
}

function unit(origin: string): string {
  return origin === 'string' ? ' characters' : '';
}

function withArticle(kind: string): string {
  const words: Record<string, string> = {
    int: 'a whole number',
    array: 'a list',
    object: 'a table',
    record: 'a table',
  };
  return words[kind] ?? `a ${kind}`;
}

function kindOf(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  if (value instanceof Date) return 'a date';
  if (typeof value === 'object') return 'a table';
  if (typeof value === 'number') return Number.isInteger(value) ? 'a number' : `the number ${value}`;
  return `a ${typeof value}`;
}

function valueAt(root: unknown, path: readonly PropertyKey[]): unknown {
  let value = root;
  for (const part of path) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = Reflect.get(value, part);
  }
  return value;
}
