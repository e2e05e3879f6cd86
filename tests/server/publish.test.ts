import { setTimeout as delay } from 'node:timers/promises';
import { LIMITS, type DiagramCheck, type Manifest } from '@pegasus-workflows/contracts';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { KEEP_MS, signUploadUrl, sweep } from '../../packages/server/src/index.js';
import { artifact, plus, withEntry } from './artifacts.js';
import { expectGolden } from './golden.js';
import { failure, forEachDialect, testServer, type TestServer } from './support.js';
import { rawZip, type ZipEntry } from './zip.js';

type Change = (entries: ZipEntry[]) => ZipEntry[];

forEachDialect('publish', (open) => {
  let server: TestServer;
  let key: string;
  let before: Awaited<ReturnType<TestServer['snapshot']>>;
  let serial = 0;
  /** An artifact nobody has published yet. */
  const fresh = (change?: Change, manifestChange?: Partial<Manifest>) =>
    artifact('demo', `2.0.${++serial}`, change, manifestChange);

  beforeAll(async () => {
    server = await testServer(await open());
    key = server.tenants.a.key;
  });
  afterAll(() => server?.close());
  beforeEach(async () => {
    before = await server.snapshot();
  });
  afterEach(() => server.resetClock());
  const expectUnchanged = async () => expect(await server.snapshot()).toEqual(before);

  it('publishes, lists, shows and downloads; every answer has its golden shape', async () => {
    const made = artifact('demo', '1.0.0');
    const reserved = await server.reserve(key, made);
    await expectGolden('upload-url', reserved.body);
    const uploaded = await server.put(reserved.body.data.uploadUrl, made.zip);
    expect(uploaded).toMatchObject({ status: 204, body: '' });
    const published = await server.finalize(key, reserved.body.data.workflowId, made.manifest);
    expect(published.status).toBe(201);
    await expectGolden('workflow', published.body);
    const { id, artifactSha256 } = published.body.data;
    expect(await server.snapshot()).toMatchObject({
      uploads: before.uploads,
      staged: [],
      stored: [artifactSha256],
    });

    expect((await server.call('GET', `/api/v1/workflows/${id}`, { key })).body).toEqual(published.body);
    const listed = await server.call('GET', '/api/v1/workflows', { key });
    await expectGolden('workflow-list', listed.body);
    await expectGolden(
      'requirements-summary',
      (await server.call('GET', '/api/v1/workflows/requirements-summary', { key })).body,
    );

    const download = await server.call('GET', `/api/v1/workflows/${id}/download-url`, { key });
    await expectGolden('download-url', download.body);
    const link: string = download.body.data.downloadUrl.slice(server.settings.publicUrl.length);
    const answer = await server.app.request(link);
    expect(answer.headers.get('content-type')).toBe('application/zip');
    expect(answer.headers.get('content-disposition')).toBe('attachment; filename="demo-1.0.0.zip"');
    expect(Buffer.from(await answer.arrayBuffer())).toEqual(made.zip);
    const head = await server.app.request(link, { method: 'HEAD' });
    expect(head.headers.get('content-length')).toBe(String(made.zip.length));

    expect(await server.call('GET', link.replace('demo-1.0.0', 'demo-1.0.1'))).toEqual(
      failure(403, 'FORBIDDEN', /altered/),
    );
    server.turnClock(LIMITS.downloadUrlSeconds * 1000 + 1000);
    expect(await server.call('GET', link)).toEqual(failure(403, 'FORBIDDEN', /has expired/));
  });

  it('stores a Python artifact as not executable', async () => {
    const toml = 'entry_points = ["demo.workflow:Demo"]';
    const made = artifact(
      'snake',
      '1.0.0',
      (entries) => [
        { ...entries[0]!, data: String(entries[0]!.data).replace(/entry_points.*/, toml) },
        { name: 'demo/workflow.py', data: 'class Demo:\n    pass\n' },
        ...entries.filter(({ name }) => name.endsWith('.mmd')),
      ],
      { entryPoints: ['demo.workflow:Demo'] },
    );
    expect(await server.publish(key, made)).toMatchObject({
      status: 201,
      body: { data: { executable: false } },
    });
  });

  it('refuses a name@version that is taken, at upload-url and at finalize', async () => {
    const made = fresh();
    const first = await server.reserve(key, made);
    const second = await server.reserve(key, made);
    await server.put(first.body.data.uploadUrl, made.zip);
    await server.put(second.body.data.uploadUrl, made.zip);
    expect(await server.finalize(key, first.body.data.workflowId, made.manifest)).toMatchObject({
      status: 201,
    });
    before = await server.snapshot();
    const taken = failure(
      409,
      'CONFLICT',
      `demo@${made.manifest.version} exists already; publish under a new version.`,
    );
    expect(await server.finalize(key, second.body.data.workflowId, made.manifest)).toEqual(taken);
    expect(await server.snapshot()).toEqual({
      ...before,
      staged: [],
      uploads: before.uploads.filter(({ workflowId }) => workflowId !== second.body.data.workflowId),
    });
    expect(await server.reserve(key, made)).toEqual(taken);
    // Invariant 2: another tenant's names are its own, and identical bytes are stored once.
    const other = await server.publish(server.tenants.b.key, made);
    expect(other.status).toBe(201);
    expect((await server.snapshot()).stored).toEqual(before.stored);
  });

  it('lets exactly one of two finalizes of one upload win (invariant 2)', async () => {
    const made = fresh();
    const { workflowId, uploadUrl } = (await server.reserve(key, made)).body.data;
    await server.put(uploadUrl, made.zip);
    const replies = await Promise.all([1, 2, 3].map(() => server.finalize(key, workflowId, made.manifest)));
    expect(replies.map(({ status }) => status).sort()).toEqual([201, 409, 409]);
    expect(await server.finalize(key, workflowId, made.manifest)).toEqual(
      failure(409, 'CONFLICT', 'This upload has been finalized already.'),
    );
    const after = await server.snapshot();
    expect(after.workflows.length).toBe(before.workflows.length + 1);
    expect(after.staged).toEqual([]);
    expect(await server.put(uploadUrl, made.zip)).toEqual(failure(409, 'CONFLICT', /finalized already/));
  });

  it('lets exactly one of two pushes of one name@version win, different bytes included (invariants 2, 3)', async () => {
    const made = fresh();
    const other = artifact('demo', made.manifest.version, plus({ name: 'demo/note.txt', data: 'x' }));
    const uploads = [];
    for (const each of [made, other]) {
      const { workflowId, uploadUrl } = (await server.reserve(key, each)).body.data;
      await server.put(uploadUrl, each.zip);
      uploads.push({ workflowId, manifest: each.manifest });
    }
    const replies = await Promise.all(uploads.map((u) => server.finalize(key, u.workflowId, u.manifest)));
    expect(replies.map(({ status }) => status).sort()).toEqual([201, 409]);
    const winner = replies.find(({ status }) => status === 201)!.body.data;
    const after = await server.snapshot();
    expect(after.stored.filter((sha256) => !before.stored.includes(sha256))).toEqual([winner.artifactSha256]);
    expect(after.workflows.length).toBe(before.workflows.length + 1);
    expect(after.uploads).toEqual(before.uploads);
  });

  it('publishes what was uploaded last', async () => {
    const made = fresh();
    const { workflowId, uploadUrl } = (await server.reserve(key, made)).body.data;
    await server.put(uploadUrl, Buffer.alloc(made.zip.length));
    await server.put(uploadUrl, made.zip);
    expect(await server.finalize(key, workflowId, made.manifest)).toMatchObject({ status: 201 });
  });

  it('takes an upload only as announced, by an unaltered URL in time', async () => {
    const made = fresh();
    const { workflowId, uploadUrl } = (await server.reserve(key, made)).body.data;
    before = await server.snapshot();
    const altered = failure(403, 'UPLOAD_URL_INVALID', /altered/);
    const other = (await server.reserve(key, fresh())).body.data.workflowId;
    before = await server.snapshot();
    for (const url of [
      uploadUrl.replace(/size=\d+/, 'size=99'),
      uploadUrl.replace(/expires=(\d+)/, 'expires=99$1'),
      uploadUrl.replace(workflowId, other),
      uploadUrl.replace(/signature=.*/, 'signature=x'),
      uploadUrl.replace(/signature=./, 'signature=_').replace(/.$/, 'A'),
      uploadUrl.replace(/\?.*/, ''),
      uploadUrl.replace(workflowId, '../../etc'),
    ]) {
      const reply = await server.put(url, made.zip);
      if (!url.includes('etc')) expect(reply, url).toEqual(altered);
      else expect(reply.status).toBe(404);
    }
    const { zip } = made;
    expect(await server.put(uploadUrl, zip, { 'content-length': String(zip.length - 1) })).toEqual(
      failure(
        400,
        'VALIDATION_ERROR',
        `Content-Length is ${zip.length - 1}, but the upload URL was made for ${zip.length} bytes.`,
      ),
    );
    expect(await server.put(uploadUrl, zip.subarray(1), { 'content-length': String(zip.length) })).toEqual(
      failure(
        400,
        'VALIDATION_ERROR',
        `The upload held ${zip.length - 1} of the ${zip.length} bytes announced; nothing was kept.`,
      ),
    );
    expect(
      await server.put(uploadUrl, Buffer.concat([zip, zip]), { 'content-length': String(zip.length) }),
    ).toEqual(failure(400, 'VALIDATION_ERROR', /held more than the \d+ bytes announced; nothing was kept/));
    expect(await server.put(uploadUrl, zip, { 'content-length': String(LIMITS.artifactBytes + 1) })).toEqual(
      failure(413, 'PAYLOAD_TOO_LARGE', /at most 26214400 bytes/),
    );
    expect(await server.put(uploadUrl, zip, { 'content-type': 'text/plain' })).toEqual(
      failure(415, 'UNSUPPORTED_MEDIA_TYPE', /application\/zip/),
    );
    const path = uploadUrl.slice(server.settings.publicUrl.length);
    expect(
      await server.call('PUT', path, {
        body: new Uint8Array(zip),
        headers: { 'content-type': 'application/zip' },
      }),
    ).toEqual(failure(411, 'LENGTH_REQUIRED', /Content-Length/));
    server.turnClock(LIMITS.uploadUrlSeconds * 1000 + 1000);
    expect(await server.put(uploadUrl, zip)).toEqual(failure(403, 'UPLOAD_URL_INVALID', /has expired/));
    await expectUnchanged();
  });

  it('takes 25 MiB and not one byte more', async () => {
    const body = { name: 'big', version: '1.0.0', sizeBytes: LIMITS.artifactBytes + 1 };
    expect(await server.call('POST', '/api/v1/workflows/upload-url', { key, body })).toEqual(
      failure(400, 'VALIDATION_ERROR', 'sizeBytes: must be at most 26214400 (25 MiB).'),
    );
    await expectUnchanged();
    const url = signUploadUrl(
      server.settings,
      'a8098c1a-f86e-41da-bd1a-00112444be1e',
      LIMITS.artifactBytes,
      new Date(),
    );
    expect(await server.put(url, Buffer.alloc(LIMITS.artifactBytes))).toEqual(
      failure(409, 'CONFLICT', /given up/),
    );
    await expectUnchanged();
  });

  it.each<[string, unknown, string]>([
    [
      'a diagram that is empty',
      { diagram: '' },
      'manifest.diagram: must not be empty: write the Mermaid diagram of the workflow.',
    ],
    [
      'a diagram of 50 001 characters',
      { diagram: 'x'.repeat(50_001) },
      'manifest.diagram: must be at most 50000 characters.',
    ],
    ['no diagram', { diagram: undefined }, 'manifest.diagram: is required.'],
    ['no entry point', { entryPoints: [] }, 'manifest.entryPoints: must name at least one entry point.'],
    [
      'an unknown action',
      { requiredActions: ['Fly'] },
      expect.stringMatching(/^manifest\.requiredActions\.0: invalid option/) as never,
    ],
    ['a field nobody knows', { extra: 1, more: 2 }, 'manifest: unknown fields "extra", "more".'],
    [
      'two problems',
      { name: 'Demo', timeoutSeconds: 0 },
      expect.stringMatching(/^manifest\.name: must be 1 to 64 .* \(and 1 more problem\)\.$/) as never,
    ],
    [
      'another version than reserved',
      { version: '9.9.9' },
      expect.stringMatching(/^manifest\.version: is 9\.9\.9, but the upload URL was made for/) as never,
    ],
  ])('refuses a manifest with %s and keeps the upload', async (_name, change, sentence) => {
    const made = fresh();
    const { workflowId, uploadUrl } = (await server.reserve(key, made)).body.data;
    await server.put(uploadUrl, made.zip);
    before = await server.snapshot();
    const reply = await server.finalize(key, workflowId, { ...made.manifest, ...(change as object) });
    expect(reply).toMatchObject({ status: 400, body: { code: 'VALIDATION_ERROR', error: sentence } });
    await expectUnchanged();
  });

  const symlink = { name: 'demo/link', data: '/etc/passwd', mode: 0o120777 };
  const nothing = { name: 'x', data: '' };
  it.each<[string, (...args: any[]) => ReturnType<typeof artifact>, RegExp]>([
    ['not a zip', () => ({ ...fresh(), zip: Buffer.from('hello, I am no zip') }), /not a zip file/],
    ['a zip with nothing in it', () => ({ ...fresh(), zip: rawZip([]) }), /pegasus-workflows\.toml/],
    [
      'a bomb by ratio',
      () => fresh(plus({ name: 'demo/z', data: Buffer.alloc(8 << 20) })),
      /unpacks to \d+ times its size/,
    ],
    [
      'a bomb by total size',
      () =>
        fresh(
          plus(
            ...Array.from({ length: 15 }, (_, i) => ({
              name: `demo/z${i}`,
              data: Buffer.alloc(15 << 20, 'ab'),
            })),
          ),
        ),
      /unpacks to/,
    ],
    [
      'a bomb by entry count',
      () => fresh(plus(...Array.from({ length: 5_001 }, (_, i) => ({ ...nothing, name: `demo/n${i}` })))),
      /entries; the most is 5000/,
    ],
    ['a path that climbs out', () => fresh(plus({ ...nothing, name: '../evil' })), /climbs out/],
    ['an absolute path', () => fresh(plus({ ...nothing, name: '/etc/evil' })), /absolute path/],
    ['a symlink', () => fresh(plus(symlink)), /link/],
    ['a duplicate entry', () => fresh((e) => [...e, e[3]!]), /is there twice/],
    [
      'one name in two cases',
      () => fresh(plus({ ...nothing, name: 'demo/Workflow.ts' })),
      /differ only in case/,
    ],
    ['another manifest in the zip', () => fresh(undefined, { description: 'other' }), /description/],
    [
      'a missing entry point',
      () => fresh(withEntry('demo/workflow.ts', undefined)),
      /module demo\/workflow is not in the artifact/,
    ],
    [
      'an entry point that is not exported',
      () => fresh(withEntry('demo/workflow.ts', 'export const other = 1;')),
      /demoWorkflow/,
    ],
    [
      'an entry point that is no function',
      () => fresh(withEntry('demo/workflow.ts', 'export const demoWorkflow = 1;')),
      /function/,
    ],
    ['no diagram', () => fresh(withEntry('demo/workflow.mmd', undefined)), /no diagram/],
    [
      'a diagram that is not Mermaid',
      () => fresh(withEntry('demo/workflow.mmd', 'dear reader'), { diagram: 'dear reader' }),
      /Diagram/,
    ],
  ])('refuses %s and keeps nothing (invariant 3)', async (_name, make, problem) => {
    const reply = await server.publish(key, make());
    expect(reply).toMatchObject({ status: 422, body: { code: 'ARTIFACT_INVALID' } });
    expect(reply.body.error).not.toBe('');
    expect(reply.body.problems).toEqual(expect.arrayContaining([expect.stringMatching(problem)]));
    await expectUnchanged();
  });

  it('refuses a finalize without an upload, and one of another tenant or of nobody', async () => {
    const made = fresh();
    const { workflowId, uploadUrl } = (await server.reserve(key, made)).body.data;
    before = await server.snapshot();
    expect(await server.finalize(key, workflowId, made.manifest)).toMatchObject({
      status: 422,
      body: {
        code: 'ARTIFACT_INVALID',
        problems: ['nothing has been uploaded: PUT the zip to the upload URL first'],
      },
    });
    await expectUnchanged();
    await server.put(uploadUrl, made.zip);
    before = await server.snapshot();
    const unknown = failure(404, 'NOT_FOUND', /no upload for this workflowId/);
    expect(await server.finalize(server.tenants.b.key, workflowId, made.manifest)).toEqual(unknown);
    expect(await server.finalize(key, 'a8098c1a-f86e-41da-bd1a-00112444be1e', made.manifest)).toEqual(
      unknown,
    );
    await expectUnchanged();
    // Later than anybody finalizes.
    server.turnClock(3 * 3600_000);
    expect(await server.finalize(key, workflowId, made.manifest)).toEqual(unknown);
  });

  it('5: says itself whether the diagram shows the code, whatever the client claims, and a fork says the same', async () => {
    const claimed: DiagramCheck = { verdict: 'UNCHECKED', missing: [], unknown: [], note: 'trust me' };
    const code = withEntry(
      'demo/workflow.ts',
      [
        "import { proxyActivities } from '@temporalio/workflow';",
        "const { charge } = proxyActivities<{ charge(): Promise<void> }>({ startToCloseTimeout: '1 minute' });",
        'export async function demoWorkflow(): Promise<void> {',
        '  await charge();',
        '}',
      ].join('\n'),
    );
    const made = artifact('judged', '1.0.0', code);
    const claim = { ...made, manifest: { ...made.manifest, diagramCheck: claimed } };
    const published = await server.publish(server.tenants.platform.key, claim);
    const verdict = {
      verdict: 'DIFFERS',
      missing: [{ kind: 'activity', name: 'charge', file: 'demo/workflow.ts', line: 4 }],
    };
    expect(published.body.data.manifest.diagramCheck).toMatchObject(verdict);
    const { id } = published.body.data;
    const forked = await server.call('POST', `/api/v1/workflows/${id}/fork`, { key });
    expect(forked.body.data.manifest).toEqual(published.body.data.manifest);
  });

  it('shows GLOBAL workflows to all, and forks them without copying a byte', async () => {
    const made = artifact('shared', '1.0.0');
    const global = await server.publish(server.tenants.platform.key, made);
    expect(global.body.data.visibility).toBe('GLOBAL');
    const { id } = global.body.data;
    expect(await server.call('GET', `/api/v1/workflows/${id}`, { key })).toMatchObject({ status: 200 });
    before = await server.snapshot();
    const forked = await server.call('POST', `/api/v1/workflows/${id}/fork`, { key });
    expect(forked.status).toBe(201);
    await expectGolden('workflow-fork', forked.body);
    expect(forked.body.data).toMatchObject({
      tenantId: server.tenants.a.id,
      visibility: 'TENANT',
      forkedFromWorkflowId: id,
      forkedFromVersion: made.manifest.version,
      artifactSha256: global.body.data.artifactSha256,
    });
    const after = await server.snapshot();
    expect(after.stored).toEqual(before.stored);
    expect(await server.call('POST', `/api/v1/workflows/${id}/fork`, { key })).toEqual(
      failure(409, 'CONFLICT', /exists already/),
    );
    const own = forked.body.data.id;
    for (const tenant of [server.tenants.a, server.tenants.b]) {
      expect(await server.call('POST', `/api/v1/workflows/${own}/fork`, { key: tenant.key })).toMatchObject({
        status: 404,
        body: { code: 'NOT_FOUND' },
      });
    }
    expect(await server.snapshot()).toEqual(after);
    const listed = await server.call('GET', '/api/v1/workflows', { key });
    const ids = listed.body.data.map((row: { id: string }) => row.id);
    expect(ids.slice(0, 2)).toEqual([own, id]);
    expect(listed.body.meta).toEqual({ count: ids.length });
    const others = await server.call('GET', '/api/v1/workflows', { key: server.tenants.b.key });
    expect(others.body.data.map((row: { id: string }) => row.id)).not.toContain(own);
  });

  it('summarizes requirements as missing', async () => {
    const requiredSecrets = [{ key: 'API_KEY', group: 'mail', description: 'of the mailer' }];
    const lines =
      '[[workflow.required_secrets]]\nkey = "API_KEY"\ngroup = "mail"\ndescription = "of the mailer"\n';
    const made = fresh(
      (entries) => [{ ...entries[0]!, data: `${String(entries[0]!.data)}${lines}` }, ...entries.slice(1)],
      {
        requiredSecrets,
      },
    );
    const { id } = (await server.publish(key, made)).body.data;
    const { body } = await server.call('GET', '/api/v1/workflows/requirements-summary', { key });
    const mine = body.data.workflows.find((row: { workflowId: string }) => row.workflowId === id);
    expect(mine).toMatchObject({
      requirements: [
        { kind: 'SECRET', key: 'API_KEY', group: 'mail', description: 'of the mailer', present: false },
      ],
      missingCount: 1,
    });
    expect(body.data.totalMissing).toBe(1);
  });

  it('sweeps what nobody finalized and bytes nobody refers to, and nothing else', async () => {
    const kept = await server.publish(key, fresh());
    const { workflowId, uploadUrl } = (await server.reserve(key, fresh())).body.data;
    const size = Number(/size=(\d+)/.exec(uploadUrl)![1]);
    await server.put(uploadUrl, Buffer.alloc(size));
    const { artifacts } = server.services;
    const orphan = (await artifacts.checkout(workflowId))!;
    await artifacts.promote(orphan, 'f'.repeat(64));
    before = await server.snapshot();
    expect(await sweep(server.services)).toEqual({ reservations: 0, staged: 0, artifacts: 0 });
    await expectUnchanged();
    server.turnClock(KEEP_MS + 60_000);
    const swept = await sweep(server.services);
    expect(swept.artifacts).toBe(1);
    const after = await server.snapshot();
    expect(after.workflows).toEqual(before.workflows);
    expect(after.uploads).toEqual([]);
    expect(after.staged).toEqual([]);
    expect(after.stored).toEqual(before.stored.filter((sha256) => sha256 !== 'f'.repeat(64)));
    expect(after.stored).toContain(kept.body.data.artifactSha256);
  });

  it('streams uploads: an aborted one leaves nothing', async () => {
    const url = await server.listen();
    const made = fresh();
    const { uploadUrl } = (await server.reserve(key, made)).body.data;
    const link = uploadUrl.replace(server.settings.publicUrl, url);
    before = await server.snapshot();
    const aborting = new AbortController();
    const bytes = new ReadableStream({
      async start(controller) {
        controller.enqueue(made.zip.subarray(0, 10));
        while ((await server.snapshot()).staged.length === before.staged.length) await delay(10);
        aborting.abort();
      },
    });
    const headers = { 'content-type': 'application/zip', 'content-length': String(made.zip.length) };
    const init = { method: 'PUT', headers, body: bytes, duplex: 'half', signal: aborting.signal };
    await expect(fetch(link, init as RequestInit)).rejects.toThrow();
    await expect.poll(() => server.snapshot(), { timeout: 10_000 }).toEqual(before);
    const whole = await fetch(link, { method: 'PUT', headers, body: new Uint8Array(made.zip) });
    expect(whole.status).toBe(204);
    const oversized = await fetch(link, {
      method: 'PUT',
      headers: { 'content-type': 'application/zip' },
      body: new Uint8Array(LIMITS.artifactBytes + 1),
    });
    expect([oversized.status, await oversized.json()]).toMatchObject([413, { code: 'PAYLOAD_TOO_LARGE' }]);
  });
});
