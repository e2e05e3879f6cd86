import { type Manifest, manifestSchema } from '@pegasus-workflows/contracts';
import type { z } from 'zod';
import { nearest } from '@pegasus-workflows/contracts/nearest';
import { type Problem } from '../problems/index.js';
import { isTable, locateToml, parseToml, type TomlMap, type TomlPath } from '../toml/index.js';
import { type EntryPoint, parseEntryPoint, type Runtime } from './entry-point.js';
import { describeIssue } from './describe-issue.js';
import { isExcludedName } from './excluded.js';

/** One `[[workflow]]` table that is right in itself; whether its files exist is for the caller to see. */
export interface WorkflowSpec {
  /** Position among the manifest's `[[workflow]]` tables, from 0. */
  index: number;
  sourceDir: string;
  runtime: Runtime;
  entryPoints: EntryPoint[];
  /** The optional `activities` key: a module path. */
  activities: string | undefined;
  /** As it goes over the wire, apart from the diagram, which is a file of its own, and what was found in it. */
  declared: DeclaredManifest;
}

export type DeclaredManifest = Omit<Manifest, 'diagram' | 'diagramCheck'>;

export interface ReadManifest {
  specs: WorkflowSpec[];
  problems: Problem[];
  /** Line and column of a TOML path, for problems that are found later. */
  position: TomlMap['position'];
}

const declaredSchema = manifestSchema.omit({ diagram: true, diagramCheck: true });

/** TOML key → wire key, for the keys that travel. */
const WIRE_KEYS = {
  name: 'name',
  version: 'version',
  entry_points: 'entryPoints',
  description: 'description',
  required_actions: 'requiredActions',
  timeout_seconds: 'timeoutSeconds',
  required_secrets: 'requiredSecrets',
  required_configs: 'requiredConfigs',
} as const satisfies Record<string, keyof DeclaredManifest>;
const WORKFLOW_KEYS = [...Object.keys(WIRE_KEYS), 'source_dir', 'activities'];
const TOML_KEYS = new Map<string, string>(Object.entries(WIRE_KEYS).map(([toml, wire]) => [wire, toml]));

/**
 * Reads the text of a `pegasus-workflows.toml`. Never throws for bad input: every problem found is in `problems`, and
 * `specs` holds the tables without one.
 *
 * @param file how problems name the manifest
 * @param only look at the `[[workflow]]` tables of this name alone; one that has no readable name never matches
 */
export function readManifest(text: string, file: string, only?: string): ReadManifest {
  const source = text.replace(/^\uFEFF/, '');
  const parsed = parseToml(source, file);
  if (!parsed.ok) return { specs: [], problems: [parsed.problem], position: () => undefined };
  const toml = locateToml(source);
  const report = new Report(file, toml);
  const tables = only === undefined ? checkTop(parsed.data, report) : tablesOf(parsed.data);
  const specs: WorkflowSpec[] = [];
  tables.forEach((table, index) => {
    if (only !== undefined && !(isTable(table) && table['name'] === only)) return;
    const before = report.problems.length;
    const spec = readWorkflow(table, index, report);
    if (spec && report.problems.length === before) specs.push(spec);
  });
  checkUniqueNames(tables, only, report);
  return { specs, problems: report.problems, position: (path) => toml.position(path) };
}

class Report {
  readonly problems: Problem[] = [];
  constructor(
    private readonly file: string,
    private readonly toml: TomlMap,
  ) {}

  add(path: TomlPath, message: string, fix: string): void {
    this.problems.push({ file: this.file, ...this.toml.position(path), message, fix });
  }
}

function tablesOf(data: Record<string, unknown>): unknown[] {
  return Array.isArray(data['workflow']) ? data['workflow'] : [];
}

function checkTop(data: Record<string, unknown>, report: Report): unknown[] {
  for (const key of Object.keys(data).filter((name) => name !== 'workflow'))
    report.add([key], `has the unknown key \`${key}\``, unknownKeyFix(key, ['workflow'], '[[workflow]]'));
  const value = data['workflow'];
  if (value !== undefined && !Array.isArray(value))
    report.add(['workflow'], '`workflow` must be an array of tables', 'write [[workflow]] with two brackets');
  else if (!value?.length)
    report.add([], 'declares no workflow', 'add a [[workflow]] table with name, version and entry_points');
  return tablesOf(data);
}

function unknownKeyFix(key: string, known: readonly string[], suggestionText?: string): string {
  const suggestion = nearest(key, known);
  if (suggestion !== undefined) return `did you mean \`${suggestionText ?? suggestion}\`?`;
  return `remove it; the known keys are ${known.join(', ')}`;
}

function readWorkflow(table: unknown, index: number, report: Report): WorkflowSpec | undefined {
  const at: TomlPath = ['workflow', index];
  if (!isTable(table)) {
    report.add(at, 'every `workflow` must be a table', 'write [[workflow]] and its keys below');
    return undefined;
  }
  for (const key of Object.keys(table).filter((name) => !WORKFLOW_KEYS.includes(name)))
    report.add(
      [...at, key],
      `[[workflow]] has the unknown key \`${key}\``,
      unknownKeyFix(key, WORKFLOW_KEYS),
    );
  const wire: Record<string, unknown> = {};
  for (const [tomlKey, wireKey] of Object.entries(WIRE_KEYS))
    if (Object.hasOwn(table, tomlKey)) wire[wireKey] = table[tomlKey];
  const parsed = declaredSchema.safeParse(wire);
  for (const issue of parsed.error?.issues ?? []) addIssue(issue, wire, at, report);
  const sourceDir = readSourceDir(table, at, report);
  const entryPoints = readEntryPoints(wire['entryPoints'], sourceDir, at, report);
  const activities = readActivities(table['activities'], sourceDir, at, report);
  const runtime = entryPoints[0]?.runtime;
  if (!parsed.success || sourceDir === undefined || runtime === undefined) return undefined;
  return { index, sourceDir, runtime, entryPoints, activities, declared: withoutUndefined(parsed.data) };
}

function addIssue(issue: z.core.$ZodIssue, wire: unknown, at: TomlPath, report: Report): void {
  const [head, ...rest] = issue.path.map((part) => (typeof part === 'symbol' ? String(part) : part));
  const path = head === undefined ? [] : [TOML_KEYS.get(String(head)) ?? String(head), ...rest];
  for (const { key, message, fix } of describeIssue(issue, path, wire))
    report.add([...at, ...path, ...(key === undefined ? [] : [key])], message, fix);
}

function readSourceDir(table: Record<string, unknown>, at: TomlPath, report: Report): string | undefined {
  const value = table['source_dir'] ?? table['name'];
  const path = [...at, 'source_dir'];
  if (typeof value !== 'string') {
    if (table['source_dir'] !== undefined)
      report.add(path, '`source_dir` must be a string', 'name a folder below the project, such as "demo"');
    return undefined;
  }
  const normal = value.replace(/^(\.\/)+/, '').replace(/\/+$/, '');
  const segments = normal.split('/');
  if (segments.some((part) => ['', '.', '..'].includes(part)) || /[\\:\u0000-\u001f]/.test(normal)) {
    report.add(
      path,
      `\`source_dir\` "${value}" must be a folder below the project's root`,
      'use a relative path with "/"',
    );
    return undefined;
  }
  const excluded = segments.find(isExcludedName);
  if (excluded === undefined) return normal;
  report.add(path, `\`source_dir\` lies in "${excluded}", which is never packaged`, 'use another folder');
  return undefined;
}

function readEntryPoints(
  value: unknown,
  sourceDir: string | undefined,
  at: TomlPath,
  report: Report,
): EntryPoint[] {
  if (!Array.isArray(value)) return [];
  const entryPoints: EntryPoint[] = [];
  const example = `write it as "${sourceDir ?? 'demo'}/workflow:helloWorkflow"`;
  value.forEach((text: unknown, index) => {
    if (typeof text !== 'string' || text === '') return;
    const path = [...at, 'entry_points', index];
    const entry = parseEntryPoint(text);
    if ('wrong' in entry) return report.add(path, `entry point "${text}" ${entry.wrong}`, example);
    if (sourceDir !== undefined && !entry.module.startsWith(`${sourceDir}/`))
      return report.add(
        path,
        `entry point "${text}" lies outside source_dir "${sourceDir}"`,
        `move the module into ${sourceDir}/, or set source_dir`,
      );
    if (entryPoints.some((other) => other.runtime !== entry.runtime))
      return report.add(
        path,
        `entry point "${text}" is of another language than the first one`,
        'use one language for all entry points of a workflow',
      );
    if (entryPoints.some((other) => other.exportName === entry.exportName))
      return report.add(
        path,
        `entry point "${text}" repeats the export name "${entry.exportName}"`,
        'give each entry point an export name of its own: it becomes the workflow type',
      );
    entryPoints.push(entry);
  });
  return entryPoints;
}

function readActivities(
  value: unknown,
  sourceDir: string | undefined,
  at: TomlPath,
  report: Report,
): string | undefined {
  if (value === undefined) return undefined;
  const path = [...at, 'activities'];
  const fix = `name a module without extension, such as "${sourceDir ?? 'demo'}/activities"`;
  if (typeof value !== 'string') {
    report.add(path, '`activities` must be a string', fix);
    return undefined;
  }
  const entry = parseEntryPoint(`${value}:activities`);
  if ('wrong' in entry || entry.runtime !== 'typescript')
    report.add(path, `\`activities\` "${value}" is not a module path`, fix);
  else if (sourceDir !== undefined && !value.startsWith(`${sourceDir}/`))
    report.add(
      path,
      `\`activities\` "${value}" lies outside source_dir "${sourceDir}"`,
      `move the module into ${sourceDir}/`,
    );
  return value;
}

function checkUniqueNames(tables: readonly unknown[], only: string | undefined, report: Report): void {
  const seen = new Set<string>();
  tables.forEach((table, index) => {
    const name = isTable(table) ? table['name'] : undefined;
    if (typeof name !== 'string' || (only !== undefined && name !== only)) return;
    if (seen.has(name))
      report.add(
        ['workflow', index, 'name'],
        `workflow name "${name}" is used twice`,
        'give each [[workflow]] a name of its own',
      );
    seen.add(name);
  });
}

function withoutUndefined<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined)) as T;
}
