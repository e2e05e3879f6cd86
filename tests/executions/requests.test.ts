import { randomUUID } from 'node:crypto';
import { Writable } from 'node:stream';
import { sql, type SQL } from 'drizzle-orm';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { type Execution } from '@pegasus-workflows/contracts';
import { TemporalError } from '../../packages/server/src/infra/temporal.js';
import { forEachDialect } from '../server/support.js';
import { over, startHarness, type Harness } from './support.js';

/** Run, list, get, cancel and retry: each wrong request has one answer and leaves nothing behind. No worker polls here. */

const temporal = inject('temporal');
/** Keys that mean something to JavaScript; `__proto__` is the one that cannot be passed on. */
const ODD_INPUT = {
  constructor: 1,
  prototype: { toString: null },
  hasOwnProperty: 'x',
  '': 'empty',
  'a.b': 'dot',
  then: 'x',
  toJSON: { 'ключ 🐎': [-0.5, 1e-7, 9007199254740991, 1e300, '\\u0000', '\u2028'] },
};

function nested(levels: number): string {
  return `{"input": {"a": ${'['.repeat(levels - 1)}${']'.repeat(levels - 1)}}}`;
}

forEachDialect('execution requests', (open) => {
  let harness: Harness;
  let tenantId: string;
  let workflowId: string;
  const other = { tenantId: '', workflowId: '' };

  beforeAll(async () => {
    harness = await startHarness(temporal, await open(), { env: { PEGASUS_MAX_OPEN_EXECUTIONS: '60' } });
    ({ tenantId, workflowId } = await harness.publish());
    Object.assign(other, await harness.publish());
  });
  afterAll(() => harness?.close());

  async function run(input?: Record<string, unknown>, headers?: Record<string, string>): Promise<Execution> {
    const { status, body } = await harness.call(
      tenantId,
      'POST',
      `${workflowId}/run`,
      { ...(input ? { input } : {}) },
      headers,
    );
    expect(status, JSON.stringify(body)).toBe(201);
    return body.data;
  }

  /** Asserts status, code and sentence, and that no row came of it. */
  async function refused(
    call: () => ReturnType<Harness['call']>,
    status: number,
    code: string,
    sentence: string | RegExp,
  ): Promise<void> {
    const before = await harness.rows();
    const reply = await call();
    expect({ status: reply.status, code: reply.body.code }).toEqual({ status, code });
    expect(reply.body.error).toMatch(sentence);
    expect(await harness.rows()).toEqual(before);
  }

  describe('run', () => {
    const path = () => `${workflowId}/run`;
    const post =
      (body?: unknown, to = path(), headers = {}) =>
      () =>
        harness.call(tenantId, 'POST', to, body, headers);

    it('takes an empty body: input null', async () => {
      const { status, body } = await harness.call(tenantId, 'POST', path());
      expect({ status, input: body.data.input }).toEqual({ status: 201, input: null });
    });

    it('takes input of 64 levels, refuses 65, and any number more', async () => {
      expect((await post(nested(64))()).status).toBe(201);
      await refused(post(nested(65)), 400, 'VALIDATION_ERROR', /nested 66 levels deep; at most 65/);
      await refused(post(nested(100_000)), 400, 'VALIDATION_ERROR', /nested 100001 levels deep/);
      const objects = `{"input": ${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}}`;
      await refused(post(objects), 400, 'VALIDATION_ERROR', /nested 100001 levels deep/);
    });

    it.each([[[1, 2]], ['text'], [7], [true], [null]])(
      'refuses input that is not an object: %j',
      async (input) => {
        await refused(post({ input }), 400, 'VALIDATION_ERROR', /^input: expected record/);
      },
    );

    it('refuses a body that is not JSON, or not an object', async () => {
      await refused(post('{"input":'), 400, 'VALIDATION_ERROR', /not valid JSON/);
      for (const body of ['[]', '"{}"', '7', 'null'])
        await refused(post(body), 400, 'VALIDATION_ERROR', /^the body: expected object/);
      await refused(
        post('{}', path(), { 'content-type': 'text/plain' }),
        415,
        'UNSUPPORTED_MEDIA_TYPE',
        /json/,
      );
    });

    it('refuses unknown fields and modes', async () => {
      await refused(post({ inputs: {} }), 400, 'VALIDATION_ERROR', /unknown field "inputs"/);
      await refused(post({ mode: 'dry' }), 400, 'VALIDATION_ERROR', /^mode: /);
    });

    it('refuses 17 MB of input', async () => {
      await refused(
        post({ input: { text: 'x'.repeat(17_000_000) } }),
        413,
        'PAYLOAD_TOO_LARGE',
        /at most 16777216 bytes/,
      );
    });

    it('refuses what the database cannot hold', async () => {
      await refused(post('{"input": {"a": "\\u0000"}}'), 400, 'VALIDATION_ERROR', /NUL character/);
      await refused(post('{"input": {"a": "\\ud800"}}'), 400, 'VALIDATION_ERROR', /surrogate/);
    });

    it('refuses what would not reach the workflow unchanged', async () => {
      for (const input of ['{"__proto__": {"a": 1}}', '{"a": [{"__proto__": 1}]}', '{"\\u005f_proto__": 1}'])
        await refused(post(`{"input": ${input}}`), 400, 'VALIDATION_ERROR', /key "__proto__".*another name/);
      await refused(post('{"input": {"a": 1e999}}'), 400, 'VALIDATION_ERROR', /number beyond/);
    });

    it('stores an input as it came, whatever its keys are called', async () => {
      expect((await run(ODD_INPUT)).input).toEqual(ODD_INPUT);
      const [stored] = (await harness.rows()).filter(({ input }) => input?.['constructor'] === 1);
      expect(stored?.input).toEqual(ODD_INPUT);
    });

    it('a dry run says so in its row, and runs on the task queue of dry runs', async () => {
      const { status, body } = await post({ mode: 'dry_run' })();
      expect({ status, dryRun: body.data.dryRun }).toEqual({ status: 201, dryRun: true });
      const described = await harness.port.describe(body.data.temporalWorkflowId!);
      expect(described?.taskQueue).toMatch(/^artifact\/.*\/dry-run$/);
    });

    it('answers 404 for another tenant’s workflow, an unknown one, and 400 for no id', async () => {
      await refused(
        post({}, `${other.workflowId}/run`),
        404,
        'NOT_FOUND',
        'There is no workflow with this id.',
      );
      // Once more, now that the other tenant has made this process remember it.
      await harness.call(other.tenantId, 'GET', `${other.workflowId}/executions`);
      await refused(
        post({}, `${other.workflowId}/run`),
        404,
        'NOT_FOUND',
        'There is no workflow with this id.',
      );
      await refused(post({}, `${randomUUID()}/run`), 404, 'NOT_FOUND', 'There is no workflow with this id.');
      await refused(post({}, 'nonsense/run'), 400, 'VALIDATION_ERROR', /^id: /);
    });

    it('refuses a GLOBAL workflow of the platform, and one without a runtime', async () => {
      const global = await harness.publish({ visibility: 'GLOBAL' });
      await refused(post({}, `${global.workflowId}/run`), 403, 'WORKFLOW_MUST_FORK', /fork it/);
      const python = await harness.publish({ tenantId, executable: false, workflowType: null });
      await refused(post({}, `${python.workflowId}/run`), 400, 'WORKFLOW_NOT_EXECUTABLE', /TypeScript/);
    });

    it('with one Idempotency-Key is one execution, at once or later; another input is a CONFLICT', async () => {
      const key = { 'idempotency-key': `order-${randomUUID()}` };
      const before = (await harness.rows()).length;
      const [first, ...rest] = await Promise.all([1, 2, 3, 4].map(() => run({ order: 1 }, key)));
      expect(rest.map((execution) => execution.id)).toEqual(rest.map(() => first!.id));
      expect((await run({ order: 1 }, key)).id).toBe(first!.id);
      expect(await harness.rows()).toHaveLength(before + 1);
      await refused(post({ input: { order: 2 } }, path(), key), 409, 'CONFLICT', /Idempotency-Key/);
      await refused(post({}, path(), { 'idempotency-key': 'é' }), 400, 'VALIDATION_ERROR', /Idempotency-Key/);
      await refused(
        post({}, path(), { 'idempotency-key': 'k'.repeat(256) }),
        400,
        'VALIDATION_ERROR',
        /1 to 255/,
      );
    });
  });

  describe('limits', () => {
    it('switched off: 423', async () => {
      const off = await startHarness(temporal, harness, { env: { PEGASUS_WORKFLOWS_ENABLED: 'false' } });
      const mine = await off.publish();
      const { status, body } = await off.call(mine.tenantId, 'POST', `${mine.workflowId}/run`);
      expect({ status, code: body.code, rows: await off.rows(mine.tenantId) }).toEqual({
        status: 423,
        code: 'WORKFLOWS_DISABLED',
        rows: [],
      });
      await off.close();
    });

    it.each([
      ['PEGASUS_MAX_OPEN_EXECUTIONS', 'CONCURRENCY_LIMIT'],
      ['PEGASUS_MAX_EXECUTIONS_PER_DAY', 'DAILY_QUOTA_EXCEEDED'],
    ])('%s: of ten at once exactly three start, the rest are %s', async (name, code) => {
      const small = await startHarness(temporal, harness, { env: { [name]: '3' } });
      const mine = await small.publish();
      const replies = await Promise.all(
        Array.from({ length: 10 }, () => small.call(mine.tenantId, 'POST', `${mine.workflowId}/run`)),
      );
      expect(replies.filter(({ status }) => status === 201)).toHaveLength(3);
      for (const reply of replies.filter(({ status }) => status !== 201)) {
        expect(reply).toMatchObject({
          status: 429,
          body: { code, error: expect.stringContaining('the limit is 3') },
        });
      }
      expect(await small.rows(mine.tenantId)).toHaveLength(3);
      await small.close();
    });
  });

  describe('list and get', () => {
    it('pages newest first, each row once, in a stable order', async () => {
      const mine = await harness.publish({ tenantId });
      const made: string[] = [];
      for (let i = 0; i < 7; i++) {
        made.push((await harness.call(tenantId, 'POST', `${mine.workflowId}/run`)).body.data.id);
      }
      const seen: string[] = [];
      for (let before = ''; ;) {
        const path = `${mine.workflowId}/executions?limit=3${before}`;
        const page = (await harness.call<Execution[]>(tenantId, 'GET', path)).body.data;
        seen.push(...page.map((execution) => execution.id));
        if (page.length < 3) break;
        before = `&before=${page.at(-1)!.id}`;
      }
      expect(seen).toHaveLength(7);
      expect(new Set(seen)).toEqual(new Set(made));
    });

    it.each(['limit=0', 'limit=201', 'limit=abc', 'limit=1.5', 'before=x', 'page=2'])(
      'refuses ?%s',
      async (query) => {
        const field = query.split('=')[0]!;
        await refused(
          () => harness.call(tenantId, 'GET', `${workflowId}/executions?${query}`),
          400,
          'VALIDATION_ERROR',
          field === 'page' ? /unknown field "page"/ : new RegExp(`^${field}: `),
        );
      },
    );

    it('refuses a cursor of another workflow or another tenant, with the same words', async () => {
      const elsewhere = await harness.publish({ tenantId });
      const { body } = await harness.call(other.tenantId, 'POST', `${other.workflowId}/run`);
      const mine = (await run()).id;
      for (const before of [mine, body.data.id, randomUUID()]) {
        const path = `${elsewhere.workflowId}/executions?before=${before}`;
        await refused(
          () => harness.call(tenantId, 'GET', path),
          400,
          'VALIDATION_ERROR',
          /not an execution of this workflow/,
        );
      }
    });

    it('hides another tenant’s execution, by every call', async () => {
      const mine = await run();
      for (const [method, rest] of [
        ['GET', ''],
        ['GET', '/history'],
        ['POST', '/cancel'],
        ['POST', '/retry'],
      ] as const) {
        for (const workflow of [workflowId, other.workflowId]) {
          const call = () => harness.call(other.tenantId, method, `${workflow}/executions/${mine.id}${rest}`);
          await refused(call, 404, 'NOT_FOUND', /^There is no/);
        }
      }
    });

    it('waits no longer than asked', async () => {
      const mine = await run();
      const { status, body } = await harness.call(
        tenantId,
        'GET',
        `${workflowId}/executions/${mine.id}?waitSeconds=1`,
      );
      expect({ status, state: body.data.status }).toEqual({ status: 200, state: 'RUNNING' });
    });

    it.each(['56', '-1', 'abc', '1.5', '1e9', 'NaN'])('refuses waitSeconds=%s', async (wait) => {
      const path = `${workflowId}/executions/${randomUUID()}?waitSeconds=${wait}`;
      await refused(() => harness.call(tenantId, 'GET', path), 400, 'VALIDATION_ERROR', /^waitSeconds: /);
    });

    it('answers 404 for the history of a run that Temporal no longer keeps', async () => {
      const id = await harness.insertExecution({
        tenantId,
        workflowId,
        status: 'COMPLETED',
        temporalRunId: randomUUID(),
        startedAt: new Date(),
        finishedAt: new Date(),
      });
      const call = () => harness.call(tenantId, 'GET', `${workflowId}/executions/${id}/history`);
      await refused(call, 404, 'NOT_FOUND', 'Temporal no longer keeps the history of this execution.');
    });

    it.each([
      ['PATCH', '', 'GET or HEAD'],
      ['DELETE', '', 'GET or HEAD'],
      ['PUT', '/cancel', 'POST'],
      ['GET', '/retry', 'POST'],
      ['BREW', '/history', 'GET or HEAD'],
    ])('answers 405 to %s …/executions/:eid%s', async (method, rest, instead) => {
      const call = () => harness.call(tenantId, method, `${workflowId}/executions/${randomUUID()}${rest}`);
      await refused(call, 405, 'METHOD_NOT_ALLOWED', `${method} is not possible here; use ${instead}.`);
    });

    it('refuses to retry what has not ended badly', async () => {
      const mine = await run();
      const call = () => harness.call(tenantId, 'POST', `${workflowId}/executions/${mine.id}/retry`);
      await refused(call, 409, 'EXECUTION_NOT_RETRYABLE', /The execution is RUNNING; only a FAILED/);
    });
  });

  describe('the log', () => {
    const SECRET = 'sk-do-not-log-4242';

    /** A harness that writes its log into `lines`, on the same database. */
    async function logged(over: Partial<Parameters<typeof startHarness>[2]>) {
      const lines: string[] = [];
      const stream = new Writable({
        write(chunk: Buffer, _encoding, done) {
          lines.push(chunk.toString());
          done();
        },
      });
      const logger = pino({ level: 'trace' }, stream);
      return { lines, noisy: await startHarness(temporal, harness, { ...over, logger }) };
    }

    it('of a start that failed has its reason, and nothing of the input', async () => {
      const { lines, noisy } = await logged({
        wrap: (port) =>
          over(port, { start: () => Promise.reject(new TemporalError('no such luck', 'refused')) }),
      });
      const body = { input: { note: SECRET, password: SECRET } };
      const reply = await noisy.call(tenantId, 'POST', `${workflowId}/run`, body);
      expect(reply).toMatchObject({
        status: 502,
        body: { code: 'TEMPORAL_START_FAILED', data: { status: 'FAILED', input: body.input } },
      });
      const text = lines.join('');
      expect(text).toContain('request failed');
      expect(text).toContain('no such luck');
      expect(text).not.toContain(SECRET);
      await noisy.close();
    });

    const asOwner = (statement: SQL) =>
      harness.db.system(async (tx) => {
        await tx.execute(sql`set local role none`);
        await tx.execute(statement);
      });

    it('of a statement that failed has the statement and its code, and none of its values', async () => {
      const { lines, noisy } = await logged({});
      const mine = await harness.publish();
      await asOwner(
        sql`alter table executions add constraint no_notes check (input ->> 'note' is null) not valid`,
      );
      const path = `${mine.workflowId}/run`;
      const reply = await noisy.call(mine.tenantId, 'POST', path, { input: { note: SECRET } });
      await asOwner(sql`alter table executions drop constraint no_notes`);
      expect(reply).toMatchObject({ status: 500, body: { code: 'INTERNAL_ERROR' } });
      expect(JSON.stringify(reply.body)).not.toContain(SECRET);
      const text = lines.join('');
      expect(text).toContain('insert into');
      expect(text).toContain('23514');
      expect(text).not.toContain(SECRET);
      expect(await noisy.rows(mine.tenantId)).toEqual([]);
      await noisy.close();
    });
  });
});
