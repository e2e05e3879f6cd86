/** Until when a crash loop is told: `quarantine-reports.ts`, its invariants by number. */
import { expect, it } from 'vitest';
import { type QuarantineReport } from '@pegasus-workflows/contracts';
import { createLogger } from '@pegasus-workflows/kit';
import { QuarantineReports, type CrashLoop } from './quarantine-reports.js';
import { ServerResponseError } from './server-client.js';

const LOOP: CrashLoop = {
  tenantId: '6f1c2f0e-3a0e-4c59-9a5b-3f0f6d0f9b11',
  artifactSha256: 'a'.repeat(64),
  cause: 'CRASHED',
  crashes: 5,
  windowSeconds: 60,
  exitCode: 3,
  signal: null,
};

/** A server that gives these answers, one report after the other. */
function scene(...answers: (Error | 'stored')[]) {
  const sent: QuarantineReport[] = [];
  const stored: string[] = [];
  const reports = new QuarantineReports(
    (report) => {
      const answer = answers[sent.push(report) - 1] ?? 'stored';
      return answer === 'stored' ? Promise.resolve() : Promise.reject(answer);
    },
    (_, sha256) => stored.push(sha256),
    createLogger('test'),
  );
  return { sent, stored, reports };
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

it('1, 2: what could not be told is told again with the same id, and nothing else of it meanwhile', async () => {
  const { sent, stored, reports } = scene(new ServerResponseError('report', 503), new Error('away'));
  reports.report(LOOP);
  reports.report(LOOP);
  await expect.poll(() => stored, { timeout: 10_000 }).toEqual([LOOP.artifactSha256]);
  expect(sent).toHaveLength(3);
  expect(new Set(sent.map(({ reportId }) => reportId)).size).toBe(1);
  await reports.close();
});

it('1: what the server refused for good is not told again; the next loop is told anew', async () => {
  const { sent, stored, reports } = scene(new ServerResponseError('report', 400));
  reports.report(LOOP);
  await settled();
  reports.report(LOOP);
  await settled();
  expect(sent).toHaveLength(2);
  expect(new Set(sent.map(({ reportId }) => reportId)).size).toBe(2);
  expect(stored).toEqual([LOOP.artifactSha256]);
  await reports.close();
});
