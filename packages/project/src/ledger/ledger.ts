/**
 * Job: `deployments.toml`, what was published where. It lies beside the manifest and is safe to commit.
 *
 * Boundary: a file that people edit by hand, too; it is parsed before and after each edit.
 *
 * Invariants
 * 1. An edit changes the values of one deployment and no other byte.
 * 2. The file is replaced whole or not at all.
 * 3. No token is ever in it: only the five known keys are written.
 */
import { randomUUID } from 'node:crypto';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { type Problem, ProjectError } from '../problems/index.js';
import { isTable, locateToml, parseToml } from '../toml/index.js';
import { setKeys } from './edit-toml.js';

export const LEDGER_FILE = 'deployments.toml';

/** One deployment as the ledger has it. */
export interface LedgerEntry {
  env: string;
  /** The workflow's name; null in the ledger of a project of one workflow, which does not nest. */
  workflow: string | null;
  baseUrl: string;
  workflowId: string;
  version: string;
  visibility: string;
  /** ISO-8601, UTC. */
  publishedAt: string;
}

/** A deployment to record. */
export interface Deployment extends Omit<LedgerEntry, 'workflow'> {
  workflow: string;
  /** Whether the project has several workflows, so that the ledger nests `[<env>.<workflow>]`. */
  multi: boolean;
}

const KEYS = {
  baseUrl: 'base_url',
  workflowId: 'workflow_id',
  version: 'version',
  visibility: 'visibility',
  publishedAt: 'published_at',
} as const;

/**
 * Every deployment of the ledger in `dir`, in the order of the file; none when there is no ledger. Tables that lack
 * one of the five keys are left out: people may keep notes there.
 *
 * @throws ProjectError when the file cannot be read or is not TOML
 */
export async function readLedger(dir: string): Promise<LedgerEntry[]> {
  return entriesOf(parse(await readText(dir)));
}

/**
 * Records a deployment, in place when the environment has one already.
 *
 * @throws ProjectError when the ledger is not TOML, or has something else where the deployment belongs
 */
export async function recordDeployment(dir: string, deployment: Deployment): Promise<void> {
  const text = await readText(dir);
  const table = deployment.multi ? [deployment.env, deployment.workflow] : [deployment.env];
  checkPlace(text, table);
  const values = Object.fromEntries(
    (Object.keys(KEYS) as (keyof typeof KEYS)[]).map((key) => [KEYS[key], deployment[key]]),
  );
  const edited = setKeys(text, table, values);
  parse(edited);
  await replace(path.join(dir, LEDGER_FILE), edited);
}

/** The deployment of a workflow in an environment. A ledger of one workflow, which is not nested, answers for any name. */
export function findDeployment(
  entries: readonly LedgerEntry[],
  { env, workflow }: { env: string; workflow: string },
): LedgerEntry | undefined {
  const there = entries.filter((entry) => entry.env === env);
  return there.find((entry) => entry.workflow === workflow) ?? there.find((entry) => entry.workflow === null);
}

/** The environment that a base URL stands for: its host, with the port when it has one. */
export function envFromUrl(url: string): string {
  return new URL(url).host;
}

async function readText(dir: string): Promise<string> {
  try {
    return await readFile(path.join(dir, LEDGER_FILE), 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    if (code === 'ENOENT') return '';
    throw fail({ message: `cannot be read (${code})`, fix: 'make it a readable file' }, error);
  }
}

function parse(text: string): Record<string, unknown> {
  const parsed = parseToml(text.replace(/^\uFEFF/, ''), LEDGER_FILE);
  if (!parsed.ok) throw new ProjectError([parsed.problem]);
  return parsed.data;
}

/** The place must be free, or a table that a `[header]` writes: values in an inline table have no line of their own. */
function checkPlace(text: string, table: readonly string[]): void {
  let value: unknown = parse(text);
  const toml = locateToml(text);
  for (const [depth, key] of table.entries()) {
    value = isTable(value) ? value[key] : undefined;
    if (value === undefined) return;
    const at = table.slice(0, depth + 1);
    if (isTable(value) && !toml.entry(at)) continue;
    const header = `[${table.join('.')}]`;
    throw fail({
      ...toml.position(at),
      message: `\`${at.join('.')}\` is not a table of its own`,
      fix: `write it as ${header}, or remove it`,
    });
  }
}

function entriesOf(data: Record<string, unknown>): LedgerEntry[] {
  return Object.entries(data).flatMap(([env, table]) => {
    if (!isTable(table)) return [];
    const nested = Object.entries(table).map(([workflow, inner]) => toEntry(env, workflow, inner));
    return [toEntry(env, null, table), ...nested].filter((entry) => entry !== undefined);
  });
}

function toEntry(env: string, workflow: string | null, table: unknown): LedgerEntry | undefined {
  if (!isTable(table)) return undefined;
  const text = (key: string): string | undefined => {
    const value = table[key];
    // A date written by hand without quotes is a TOML date.
    if (value instanceof Date) return value.toISOString();
    return typeof value === 'string' ? value : undefined;
  };
  const [baseUrl, workflowId, version] = [text('base_url'), text('workflow_id'), text('version')];
  const [visibility, publishedAt] = [text('visibility'), text('published_at')];
  if (baseUrl === undefined || workflowId === undefined || version === undefined) return undefined;
  if (visibility === undefined || publishedAt === undefined) return undefined;
  return { env, workflow, baseUrl, workflowId, version, visibility, publishedAt };
}

async function replace(file: string, text: string): Promise<void> {
  const temporary = `${file}.${randomUUID()}.tmp`;
  try {
    await writeFile(temporary, text);
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

function fail(problem: Omit<Problem, 'file'>, cause?: unknown): ProjectError {
  return new ProjectError([{ file: LEDGER_FILE, ...problem }], { cause });
}
