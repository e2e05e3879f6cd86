// Asks the registry, by `npm audit`, for known vulnerabilities of what production installs.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { z } from 'zod';

const GRAVE = ['high', 'critical'];
const advisorySchema = z.object({
  url: z.string(),
  name: z.string(),
  title: z.string(),
  severity: z.enum(['info', 'low', 'moderate', 'high', 'critical']),
  range: z.string(),
});
const reportSchema = z.object({
  auditReportVersion: z.literal(2),
  // A string in `via` names another vulnerable package, whose own entry has the advisory.
  vulnerabilities: z.record(z.string(), z.object({ via: z.array(z.union([z.string(), advisorySchema])) })),
});
/** What npm prints when its request failed; its other failures, such as of a broken lock file, have an `error` alone. */
const failureSchema = z.object({ message: z.string().min(1) });

/**
 * @typedef {object} Advisory
 * @property {string} id such as `GHSA-…`, or the address where it is described
 * @property {string} package
 * @property {string} severity `high` or `critical`
 * @property {string} title
 * @property {string} range vulnerable versions
 */

/**
 * @param {string} root of the repository
 * @returns {Promise<{asked: true, advisories: Advisory[]} | {asked: false, reason: string}>} not asked where the
 * registry cannot be reached or has no audits
 * @throws when npm fails otherwise, or the answer is no audit report
 */
export async function askForAdvisories(root) {
  const child = spawn('npm', ['audit', '--omit=dev', '--json', '--fetch-retries=1'], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const [output] = await Promise.all([text(child.stdout), once(child, 'close')]);
  const answer = JSON.parse(output);
  const report = reportSchema.safeParse(answer);
  if (report.success) return { asked: true, advisories: graveOnes(report.data.vulnerabilities) };
  const failure = failureSchema.safeParse(answer);
  if (failure.success) return { asked: false, reason: failure.data.message };
  throw new Error(`npm audit made no report: ${answer?.error?.summary ?? report.error.message}`);
}

function graveOnes(vulnerabilities) {
  const found = Object.values(vulnerabilities)
    .flatMap(({ via }) => via)
    .filter((each) => typeof each !== 'string' && GRAVE.includes(each.severity))
    .map(({ url, name, severity, title, range }) => {
      const id = /GHSA(-[0-9a-z]{4}){3}$/.exec(url)?.[0] ?? url;
      return [`${id} ${name} ${range}`, { id, package: name, severity, title, range }];
    });
  return [...new Map(found).values()];
}

/**
 * @param {Advisory[]} advisories
 * @param {import('./accepted.mjs').Accepted['advisories']} accepted
 * @param {Date} now
 * @returns {{problems: string[], notes: string[]}} what must be mended, and what is only worth knowing
 */
export function weigh(advisories, accepted, now) {
  const today = now.toISOString().slice(0, 10);
  const problems = [];
  const notes = [];
  for (const { id, package: name, severity, title, range } of advisories) {
    const line = `${name} ${range}: ${title} (${severity}, ${id})`;
    const exception = accepted.find((each) => each.id === id && each.package === name);
    if (exception === undefined) problems.push(line);
    else if (exception.until < today)
      problems.push(`${line}; accepted until ${exception.until}, which has passed`);
    else notes.push(`accepted until ${exception.until}: ${line}: ${exception.reason}`);
  }
  const found = new Set(advisories.map(({ id, package: name }) => `${id} ${name}`));
  const idle = accepted.filter((each) => !found.has(`${each.id} ${each.package}`));
  notes.push(
    ...idle.map((each) => `${each.id} of ${each.package} is accepted and not found any more: take it out`),
  );
  return { problems, notes };
}
