import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import {
  RECORD_ACTIONS,
  type CorpusCase,
  type IntegrationConfigBody,
  type RecordAction,
} from '@pegasus-workflows/contracts';
import { PegasusError } from '@pegasus-workflows/contracts/errors';
import {
  compileIntegration,
  explain as explainRecord,
  parseConfig,
  type Explanation,
  type Integration,
} from '@pegasus-workflows/integrations';
import { watch as watchFiles } from 'chokidar';
import { connect } from '../api.js';
import { type Context } from '../context.js';
import { writeAtomically } from '../files/write-atomically.js';
import { PART_FILES, SETTINGS_FILE, textOf } from '../integrations/files.js';
import { readFolder, readJsonFile } from '../integrations/folder.js';
import { runLocalGate } from '../integrations/local-gate.js';
import { maskRecord } from '../integrations/mask.js';
import { printReport, shortJson } from '../integrations/report.js';
import { noteError } from '../output/report-error.js';
import { withProgress } from '../output/progress.js';
import { renderTable } from '../output/table.js';
import { findExecution } from '../runs/find.js';
import { INTERRUPTED, untilInterrupted } from '../runs/interrupt.js';
import { resolveVersions, type Where } from '../workflows/resolve.js';

export interface RecordOptions {
  dir?: string | undefined;
  prior?: string;
  action?: string;
}
export interface ExplainOptions extends RecordOptions {
  remote?: boolean;
}
export interface AddCaseOptions extends RecordOptions, Where {
  name: string;
  fromFile?: string;
  fromExecution?: string;
  workflow?: string;
  at?: string;
  mask: boolean;
}

/** `integration-config explain`: which path fed each field, and which condition decided each rule. */
export async function explain(
  context: Context,
  id: string,
  file: string,
  options: ExplainOptions,
): Promise<void> {
  const { out, cwd } = context;
  const body = options.remote ? await remoteBody(context, id) : await readFolder(folderOf(context, options));
  const integration = compiled(body);
  const input = {
    order: await readRecord(path.resolve(cwd, file)),
    prior: options.prior === undefined ? undefined : await readRecord(path.resolve(cwd, options.prior)),
    action: readAction(options.action),
  };
  const explanation = explainRecord(integration, input);
  out.result(explanation);
  printExplanation(context, explanation);
}

function printExplanation({ out }: Context, { valid, issues, fields, rules }: Explanation): void {
  const { good, bad, quiet } = out.colors;
  const table = renderTable(
    [{ title: 'field', keep: true }, { title: 'from' }, { title: 'value' }],
    fields.map(({ field, from, value }) => [field, from ?? 'its default', shortJson(value)]),
    out.width,
  );
  for (const line of table) out.line(line);
  out.line();
  for (const { ruleId, violated, because, predicates } of rules) {
    out.line(`${violated ? bad('✗') : good('✓')} ${ruleId}${violated ? '' : quiet(' holds')}`);
    if (because === 'no-prior') {
      out.line(`    ${quiet('is about a transition, and there is no record before this one')}`);
      continue;
    }
    // Of a rule that holds, the condition that is not true has decided.
    const shown = violated ? predicates : predicates.filter((one) => !one.holds).slice(0, 1);
    for (const { fact, op, value, actual } of shown) {
      out.line(`    ${fact} is ${shortJson(actual)}, ${violated ? '' : 'not '}${op} ${shortJson(value)}`);
    }
  }
  out.line();
  for (const { ruleId, field, message, severity } of issues) {
    out.line(
      `${severity === 'error' ? bad(severity) : severity}: ${field === '' ? '' : `${field}: `}${message} ${quiet(`(${ruleId})`)}`,
    );
  }
  out.line(valid ? good('the record is valid') : bad('the record is not valid'));
}

/** `integration-config corpus add`: a record becomes an example, with what comes of it today as what is expected. */
export async function addCase(context: Context, _id: string, options: AddCaseOptions): Promise<void> {
  const { out, cwd } = context;
  const folder = folderOf(context, options);
  const body = await readFolder(folder);
  const integration = compiled(body);
  const corpus = body.corpus as CorpusCase[];
  if (corpus.some(({ name }) => name === options.name)) {
    throw new PegasusError(
      'CONFLICT',
      `The corpus has a case "${options.name}" already; give another --name.`,
    );
  }
  const found = {
    order: await readSource(context, options),
    ...(options.prior === undefined ? {} : { prior: await readRecord(path.resolve(cwd, options.prior)) }),
  };
  const { record, masked } = options.mask ? maskRecord(found) : { record: found, masked: [] };
  const action = readAction(options.action);
  const input = { ...(record as typeof found), ...(action === undefined ? {} : { action }) };
  const { valid, issues } = integration.validate(input);
  const ruleIds = [...new Set(issues.map(({ ruleId }) => ruleId))].sort();
  const added: CorpusCase = { name: options.name, input, expected: { valid, ruleIds } };
  await writeAtomically(path.join(folder, PART_FILES.corpus), textOf('corpus', [...corpus, added]), {
    name: 'integration-config',
  });
  out.result({ case: added, masked });
  out.line(
    `${out.colors.good('✓')} "${options.name}" is in ${PART_FILES.corpus}: expected ${valid ? 'valid' : 'invalid'}${ruleIds.length > 0 ? `, ${ruleIds.join(', ')}` : ''}`,
  );
  if (masked.length > 0) out.line(out.colors.quiet(`masked: ${masked.join(', ')}`));
  if (options.mask)
    out.note('Personal data is found by names of fields and forms of values: look before you commit.');
}

/** `integration-config watch`: the gate once more at each save, until Ctrl-C. */
export async function watch(context: Context, _id: string, options: { dir?: string }): Promise<number> {
  const folder = folderOf(context, options);
  const names = new Set<string>([...Object.values(PART_FILES), SETTINGS_FILE]);
  const { out } = context;
  await readFolder(folder);
  const watcher = watchFiles(folder, { ignoreInitial: true, depth: 0 });
  let changed = true;
  let wake = (): void => {};
  watcher.on('all', (_event, file) => {
    if (!names.has(path.basename(file))) return;
    changed = true;
    wake();
  });
  try {
    await untilInterrupted(async (signal) => {
      signal.addEventListener('abort', () => wake(), { once: true });
      while (!signal.aborted) {
        if (changed) {
          // Editors write several files, and each in several steps.
          await delay(QUIET_MS, undefined, { signal });
          changed = false;
          await gateOnce(context, folder);
          continue;
        }
        await new Promise<void>((resolve) => (wake = resolve));
      }
    });
    return INTERRUPTED;
  } finally {
    await watcher.close();
    out.note('no more watching');
  }
}

const QUIET_MS = 100;

async function gateOnce(context: Context, folder: string): Promise<void> {
  try {
    const report = await runLocalGate(await readFolder(folder));
    if (context.out.json) context.out.result(report);
    else printReport(context.out, report);
  } catch (error) {
    noteError(error, context.out);
  }
}

async function readSource(context: Context, options: AddCaseOptions): Promise<unknown> {
  const { fromFile, fromExecution, at } = options;
  if ((fromFile === undefined) === (fromExecution === undefined)) {
    throw new PegasusError('VALIDATION_ERROR', 'Say where the record is: --from-file, or --from-execution.');
  }
  const source =
    fromFile === undefined
      ? await inputOf(context, fromExecution!, options)
      : await readRecord(path.resolve(context.cwd, fromFile));
  if (at === undefined) return source;
  const { valueAt } = await import('@pegasus-workflows/contracts');
  const record = valueAt(source, at);
  if (record === undefined) throw new PegasusError('VALIDATION_ERROR', `There is nothing at ${at}.`);
  return record;
}

async function inputOf(context: Context, execution: string, options: AddCaseOptions): Promise<unknown> {
  const { workflow } = options;
  if (workflow === undefined) {
    throw new PegasusError('VALIDATION_ERROR', '--from-execution needs --workflow, whose run it is.');
  }
  const { client } = await connect(context);
  const found = await withProgress(context.out, 'reading the run', async () =>
    findExecution(client, await resolveVersions(context, client, workflow, options), execution),
  );
  return found.execution.input;
}

async function remoteBody(context: Context, id: string): Promise<Parts> {
  const { client } = await connect(context);
  return withProgress(context.out, 'reading the configuration', () => client.integrations.configs.get(id));
}

type Parts = Pick<IntegrationConfigBody, 'mapping' | 'rules' | 'floor' | 'externalMapping' | 'inbound'>;

/** @throws PegasusError with the problems of a configuration that has no form */
function compiled(body: Parts): Integration {
  const { mapping, rules, floor, externalMapping, inbound } = body;
  const { config, problems } = parseConfig({ mapping, rules, corpus: [], floor, externalMapping, inbound });
  if (config) return compileIntegration(config);
  throw new PegasusError('VALIDATION_ERROR', 'The configuration is not as it must be.', {
    problems: problems.map(({ where, problem }) => `${where} ${problem}`),
  });
}

async function readRecord(file: string): Promise<unknown> {
  const record = await readJsonFile(file);
  if (record !== undefined) return record;
  throw new PegasusError('VALIDATION_ERROR', `There is no file ${file}.`);
}

function readAction(text: string | undefined): RecordAction | undefined {
  if (text === undefined) return undefined;
  const action = RECORD_ACTIONS.find((one) => one === text);
  if (action) return action;
  throw new PegasusError('VALIDATION_ERROR', `--action must be ${RECORD_ACTIONS.join(', ')}.`);
}

function folderOf({ cwd }: Context, { dir }: { dir?: string | undefined }): string {
  return path.resolve(cwd, dir ?? '.');
}
