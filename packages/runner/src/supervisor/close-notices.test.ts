import { randomUUID } from 'node:crypto';
import { expect, it } from 'vitest';
import { temporalWorkflowId } from '@pegasus-workflows/contracts';
import { createLogger } from '@pegasus-workflows/kit';
import { CloseNotices } from './close-notices.js';

const logger = createLogger('test');
const id = (): string => temporalWorkflowId(randomUUID(), 'demo', randomUUID());

/** A server that answers when the test says so. */
function server() {
  const sent: string[][] = [];
  const answers: ((outcome: 'taken' | 'failed') => void)[] = [];
  const notices = new CloseNotices(
    (runs) =>
      new Promise((resolve, reject) => {
        sent.push(runs.map((run) => run.workflowId));
        answers.push((outcome) => (outcome === 'taken' ? resolve() : reject(new Error('away'))));
      }),
    logger,
  );
  return { sent, answers, notices };
}

it('what closes while a notice is under way goes with the next (invariant 1)', async () => {
  const { sent, answers, notices } = server();
  const [a, b, c] = [id(), id(), id()];
  notices.note(a, 'r');
  notices.note(b, 'r');
  notices.note(c, 'r');
  expect(sent).toEqual([[a]]);
  answers[0]!('failed');
  await Promise.resolve();
  await new Promise((resolve) => setImmediate(resolve));
  expect(sent).toEqual([[a], [b, c]]);
  answers[1]!('taken');
  await notices.close();
});

it('child runs are not told of, and what waits is bounded (invariants 1, 2)', async () => {
  const { sent, answers, notices } = server();
  notices.note(`ch/${randomUUID()}/order-1`, 'r');
  expect(sent).toEqual([]);
  for (let index = 0; index < 1_500; index++) notices.note(id(), 'r');
  answers[0]!('taken');
  await new Promise((resolve) => setImmediate(resolve));
  expect(sent[1]).toHaveLength(1_000);
  answers[1]!('taken');
  await notices.close();
  notices.note(id(), 'r');
  expect(sent).toHaveLength(2);
});
