import { diagnose, type Finding } from '@pegasus-workflows/platform';
import { connect } from '../api.js';
import { type Context } from '../context.js';
import { readCredentials } from '../credentials/files.js';
import { withProgress } from '../output/progress.js';
import { describeError } from '../output/report-error.js';

const MARKS: Record<Finding['status'], string> = { ok: '✓', warn: '!', missing: '✗' };

/** Says what this machine has and what is missing. @returns 1 when something needed is missing */
export async function doctor(context: Context): Promise<number> {
  const { out } = context;
  const findings = await withProgress(out, 'looking', async () => [
    ...(await diagnose({ env: context.env })),
    await credentials(context),
    await platform(context),
  ]);
  const { good, warn, bad, command } = out.colors;
  const paint = { ok: good, warn, missing: bad };
  const column = Math.max(...findings.map(({ name }) => name.length)) + 2;
  for (const { name, status, detail, fix } of findings) {
    out.line(`${paint[status](MARKS[status])} ${name.padEnd(column)}${detail}`);
    if (fix && status !== 'ok') out.line(`  ${' '.repeat(column)}${command(fix)}`);
  }
  const missing = findings.filter(({ status }) => status === 'missing');
  out.line();
  out.line(missing.length === 0 ? 'Ready to start: pegasus-workflows dev' : `${missing.length} missing.`);
  out.result({ ok: missing.length === 0, findings });
  return missing.length === 0 ? 0 : 1;
}

async function credentials(context: Context): Promise<Finding> {
  const name = 'Credentials';
  try {
    const file = await readCredentials(context);
    const names = [...file.profiles.keys()];
    if (names.length === 0)
      return { name, status: 'warn', detail: `no profile in ${file.path}`, fix: 'pegasus-workflows dev' };
    const detail = `${file.path}: ${names.join(', ')}`;
    const [warning] = file.warnings;
    return warning
      ? { name, status: 'warn', detail, fix: `chmod 600 ${file.path}` }
      : { name, status: 'ok', detail };
  } catch (error) {
    const { report } = describeError(error);
    return { name, status: 'missing', detail: report.error, ...(report.hint ? { fix: report.hint } : {}) };
  }
}

/** Whether the platform that commands would call answers, and knows the key. */
async function platform(context: Context): Promise<Finding> {
  const name = 'Platform';
  const started = performance.now();
  try {
    const { client, credentials: used } = await connect(context);
    const signal = AbortSignal.timeout(5_000);
    await client.workflows.list({ signal, timeoutMs: 3_000 });
    const took = Math.round(performance.now() - started);
    return { name, status: 'ok', detail: `${used.baseUrl} answers in ${took} ms and knows ${used.source}` };
  } catch (error) {
    const { report } = describeError(error);
    const detail = isAbort(error) ? 'it does not answer' : report.error;
    // Nobody needs a running platform to start one.
    return { name, status: 'warn', detail, fix: 'pegasus-workflows dev' };
  }
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && (error.name === 'TimeoutError' || error.name === 'AbortError');
}
