import { createHash, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { type Execution, type Workflow } from '@pegasus-workflows/contracts';
import { isBlobReference, type Payload } from '@pegasus-workflows/kit/payloads';
import proto from '@temporalio/proto';
import { PegasusClient } from 'pegasus-workflows-sdk/client';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Machine } from '../fault/support/machine.js';
import { leaksBelow, spellingsOf } from '../secrets/leaks.js';
import { publishProject } from '../support/publish.js';
import { eventually } from '../support/wait.js';

/**
 * Values of megabytes through the whole platform: too large for Temporal, which has references to them. The tests share
 * one machine, whose parts they kill.
 */
const MINUTES = 60_000;
const MIB = 1024 * 1024;
const mark = `mark${randomBytes(12).toString('hex')}`;

let machine: Machine;
let workflow: Workflow;
beforeAll(async () => {
  machine = await Machine.start({ PEGASUS_PAYLOAD_MAX_MB: '6' });
  workflow = await publishProject(machine.client, join(import.meta.dirname, 'fixtures/large'));
}, 5 * MINUTES);
afterAll(() => machine?.stop());

/** A text that cannot be made much smaller, with the mark in it many times. */
function textOf(letters: number): string {
  const noise = randomBytes(letters).toString('base64').slice(0, letters);
  return noise.replace(/(.{4000}).{28}/g, `$1${mark}`);
}
const digestOf = (text: string) => createHash('sha256').update(text).digest('hex');
const start = (text: string, letters: number) =>
  machine.client.workflows.run(workflow.id, { input: { text, letters } });
const made = (id: string) =>
  eventually(
    async () => {
      const text = (await machine.client.executions.query(workflow.id, id, 'made')) as string;
      expect(text).not.toBe('');
      return text;
    },
    { timeoutMs: 2 * MINUTES },
  );
const ended = (id: string) => machine.client.executions.wait(workflow.id, id, { timeoutMs: 3 * MINUTES });

/** Every payload of a run's history as Temporal has it, and how large that history is. */
async function inTemporal({ temporalWorkflowId }: Execution) {
  const { connection } = await machine.temporal();
  const { history } = await connection.workflowService.getWorkflowExecutionHistory({
    namespace: 'default',
    execution: { workflowId: temporalWorkflowId },
  });
  const payloads: Payload[] = [];
  const collect = (value: unknown): void => {
    if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return;
    const type = (value as { $type?: { fullName: string } }).$type?.fullName;
    if (type === '.temporal.api.common.v1.Payload') payloads.push(value);
    else Object.values(value).forEach(collect);
  };
  collect(history);
  return { payloads, bytes: proto.temporal.api.history.v1.History.encode(history!).finish().length };
}

it(
  'input, arguments, results, memo, signal, update and query of megabytes pass, over the death of the worker',
  async () => {
    const [input, told] = [textOf(5 * MIB), textOf(5 * MIB)];
    const { id } = await start(input, 5 * MIB);
    const text = await made(id);
    expect(text).toHaveLength(5 * MIB);
    await machine.kill('worker');
    const echo = textOf(2 * MIB);
    const update = await machine.client.executions.update(workflow.id, id, 'echo', [echo]);
    expect(update.completed && update.result === echo).toBe(true);
    await machine.client.executions.signal(workflow.id, id, 'tell', [told]);
    const run = await ended(id);
    const result = run.result as { digests: string[]; told: string };
    expect(run.status).toBe('COMPLETED');
    expect(result.digests).toEqual([digestOf(input), digestOf(text)]);
    expect(digestOf(result.told)).toBe(digestOf(told));

    const { payloads, bytes } = await inTemporal(run);
    expect(payloads.filter(isBlobReference).length).toBeGreaterThanOrEqual(7);
    expect(bytes).toBeLessThan(64 * 1024);
    const quotas = await (
      await fetch(`${machine.url}/api/v1/quotas`, {
        headers: { authorization: `Bearer ${machine.access.apiKey}` },
      })
    ).json();
    expect(quotas).toMatchObject({ data: { storageBytes: { payloads: expect.any(Number) } } });

    // All of it together is more than an export holds.
    await expect(machine.client.executions.exportHistory(workflow.id, id)).rejects.toThrow(/larger than/);
    const needles = spellingsOf({ name: 'the mark', text: mark });
    for (const folder of ['temporal', 'artifacts', 'logs'])
      expect((await leaksBelow(join(machine.dataDir, folder), needles)).leaks, folder).toEqual([]);
  },
  10 * MINUTES,
);

it(
  'a value that comes in while the server is killed is neither lost nor does it fail its activity',
  async () => {
    // The input's is the first value that the server keeps, the activity's result the second.
    await machine.arm('server', 'payload-blob.written=kill@2');
    const input = textOf(MIB);
    const { id } = await start(input, MIB);
    const text = await made(id);
    await machine.client.executions.signal(workflow.id, id, 'tell', ['the end']);
    const run = await ended(id);
    expect(run.result).toEqual({ digests: [digestOf(input), digestOf(text)], told: 'the end' });
    const { events } = await machine.client.executions.history(workflow.id, id);
    expect(events.map(({ failure }) => failure).filter(Boolean)).toEqual([]);
    const exported = JSON.stringify(await machine.client.executions.exportHistory(workflow.id, id));
    expect(exported.includes(Buffer.from(JSON.stringify(text)).toString('base64'))).toBe(true);
    expect(await machine.armedWith('server')).toBe('');
  },
  10 * MINUTES,
);

it(
  'what is larger than any value may be is refused: by the API at once, in an activity for good, with the same code',
  async () => {
    await expect(start(textOf(7 * MIB), 1)).rejects.toMatchObject({
      status: 413,
      code: 'PAYLOAD_TOO_LARGE',
      message: expect.stringMatching(/at most 6291456/),
    });
    const { id } = await start('small', 9 * MIB);
    const run = await ended(id);
    expect(run).toMatchObject({
      status: 'FAILED',
      errorMessage: expect.stringMatching(/at most 6291456 are allowed. Keep it elsewhere/),
    });
    const { events } = await machine.client.executions.history(workflow.id, id);
    const failed = events.filter(({ type }) => type === 'ActivityTaskFailed');
    expect(failed).toHaveLength(1);
  },
  5 * MINUTES,
);

it(
  'a large value is nobody else’s: not for another tenant’s key, and not under another tenant’s name',
  async () => {
    const { id } = await start(textOf(MIB), 1);
    const run = await eventually(async () => {
      const found = await machine.client.executions.get(workflow.id, id);
      expect(found.temporalWorkflowId).toBeTruthy();
      return found;
    });
    const { payloads } = await inTemporal(run);
    const reference = payloads.find(isBlobReference)!;
    const sha256 = Buffer.from(reference.metadata!['blob-sha256']!).toString();
    const operator = new PegasusClient({ baseUrl: machine.url, token: machine.access.platformApiKey });
    const { id: other, adminKey } = await operator.tenants.create({ slug: 'stranger' });
    const bytes = (tenantId: string) => machine.internal(`/tenants/${tenantId}/blobs/${sha256}`);
    expect((await bytes(machine.access.tenantId)).status).toBe(200);
    expect((await bytes(other)).status).toBe(404);

    const body = JSON.stringify({
      payloads: [
        {
          metadata: Object.fromEntries(
            Object.entries(reference.metadata!).map(([k, v]) => [k, Buffer.from(v).toString('base64')]),
          ),
          data: '',
        },
      ],
    });
    const decode = (key: string) =>
      fetch(`${machine.url}/api/v1/codec/decode`, {
        method: 'POST',
        headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
        body,
      });
    expect((await decode(adminKey.key)).status).toBe(403);
    const mine = (await (await decode(machine.access.apiKey)).json()) as { payloads: { data: string }[] };
    expect(Buffer.from(mine.payloads[0]!.data, 'base64').toString()).toContain(mark);
    await machine.client.executions.signal(workflow.id, id, 'tell', ['the end']);
  },
  5 * MINUTES,
);
