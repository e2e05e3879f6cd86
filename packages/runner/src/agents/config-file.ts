import { readFile } from 'node:fs/promises';
import { dirname, isAbsolute, resolve } from 'node:path';
import { describeIssue, idSchema, PegasusError, workspaceNameSchema } from '@pegasus-workflows/contracts';
import { parse } from 'smol-toml';
import { z } from 'zod';
import { SANDBOX_VARIABLES } from '../sandbox/variables.js';

/**
 * The file of an agent host: which workspaces of this machine it offers to whom, for whom it takes dispatches from other hosts, and with which
 * models. It names the
 * variables that hold keys, and holds none itself.
 */
const path = z.string().min(1, 'must not be empty');
const tokens = z.number().int('must be a whole number').positive('must be greater than 0');
const dollars = z.number().nonnegative('must not be negative');

const workspaceSchema = z.strictObject({
  name: workspaceNameSchema,
  /** Relative to the file. */
  path,
  /** A tenant's id; unless given, the platform's own tenant. */
  tenant: idSchema.optional(),
});

const remoteSchema = z.strictObject({
  /** A folder of its own, for copies of other hosts' workspaces. Relative to the file. */
  path,
  /** As for a workspace. */
  tenant: idSchema.optional(),
  /** Most of them at once. */
  dispatches: z.number().int('must be a whole number').min(1, 'must be at least 1').max(100).default(4),
});

const common = {
  /** As its server knows it. */
  name: z.string().min(1, 'must not be empty').max(200),
  'answer-tokens': tokens.default(8_192),
  'context-tokens': tokens.default(128_000),
};
const price = {
  /** Dollars for a million tokens. */
  'input-price': dollars,
  'output-price': dollars,
  'cached-input-price': dollars.optional(),
};

const modelSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('openai-compatible'),
    ...common,
    ...price,
    'base-url': z.url({ protocol: /^https?$/, error: 'must be an http(s) URL' }),
    /** The variable that holds the key. */
    'api-key-env': z.string().min(1).optional(),
  }),
  /** A program that speaks the Agent Client Protocol. */
  z.strictObject({
    kind: z.literal('acp'),
    ...common,
    ...price,
    command: z.string().min(1, 'must not be empty'),
    args: z.array(z.string()).max(100).default([]),
    /** The variables that it is given, by their names. */
    env: z
      .array(
        z
          .string()
          .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'must be the name of a variable')
          .refine((name) => !SANDBOX_VARIABLES.test(name), 'names a variable of the sandbox itself'),
      )
      .max(50)
      .default([]),
    /** Where it is, besides the system's own folders. Relative to the file. */
    folders: z.array(path).max(20).default([]),
    /** Of its model. */
    hosts: z
      .array(z.string().regex(/^[A-Za-z0-9.-]{1,253}$/, 'must be the name of a host'))
      .max(20)
      .default([]),
  }),
  /** Plays a file of turns: for tests of what is around a model. */
  z.strictObject({
    kind: z.literal('scripted'),
    ...common,
    'input-price': dollars.default(0),
    'output-price': dollars.default(0),
    transcript: path,
  }),
]);
export type ModelConfig = z.output<typeof modelSchema>;

export const hostFileSchema = z.strictObject({
  workspaces: z.array(workspaceSchema).max(1_000).default([]),
  remotes: z.array(remoteSchema).max(100).default([]),
  models: z.array(modelSchema).min(1, 'name at least one [[models]]').max(100),
});
export type HostFile = z.output<typeof hostFileSchema>;

/** Throws one sentence that names the file, the field and what is wrong with it. Paths are absolute afterwards. */
export async function readHostFile(file: string, { needsFolders = true } = {}): Promise<HostFile> {
  const refuse = (why: string, cause?: unknown): never => {
    throw new PegasusError('VALIDATION_ERROR', `${file}: ${why}.`, { cause });
  };
  let text = '';
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    refuse(
      'it cannot be read; write it as docs/how-to/dispatch-agents.md says, or leave the setting out',
      error,
    );
  }
  let raw: unknown;
  try {
    raw = parse(text);
  } catch (error) {
    refuse(`it is no TOML: ${error instanceof Error ? error.message.split('\n')[0] : ''}`, error);
  }
  const parsed = hostFileSchema.safeParse(raw);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    return refuse(
      `${issue?.path.map(String).join('.') || 'it'} ${issue ? describeIssue(issue) : 'is not usable'}`,
    );
  }
  const { workspaces, remotes, models } = parsed.data;
  if (needsFolders && workspaces.length + remotes.length === 0)
    refuse('name at least one [[workspaces]], or one of [[remotes]]');
  const twice = (names: string[]): string | undefined => names.find((name, at) => names.indexOf(name) !== at);
  const absolute = (named: string): string => (isAbsolute(named) ? named : resolve(dirname(file), named));
  const same =
    twice(models.map(({ name }) => name)) ??
    twice(workspaces.map((one) => `${one.tenant}/${one.name}`)) ??
    twice([...workspaces, ...remotes].map((one) => absolute(one.path)));
  if (same !== undefined) refuse(`${JSON.stringify(same)} is there twice; give each a name of its own`);
  return {
    workspaces: workspaces.map((one) => ({ ...one, path: absolute(one.path) })),
    remotes: remotes.map((one) => ({ ...one, path: absolute(one.path) })),
    models: models.map((one) => {
      if (one.kind === 'scripted') return { ...one, transcript: absolute(one.transcript) };
      return one.kind === 'acp' ? { ...one, folders: one.folders.map(absolute) } : one;
    }),
  };
}

/** The variables that hold the models' keys. */
export function keyVariables({ models }: HostFile): string[] {
  return models.flatMap((one) => {
    if (one.kind === 'acp') return one.env;
    return one.kind === 'openai-compatible' && one['api-key-env'] !== undefined ? [one['api-key-env']] : [];
  });
}
