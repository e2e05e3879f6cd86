import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type BootstrapFile } from '@pegasus-workflows/server';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { serverSecrets } from '../support/secrets.js';
import { copyPgliteTemplate } from '../support/pglite-template.js';
import '../support/provided.js';
import { artifact } from './artifacts.js';

const MAIN = fileURLToPath(new URL('../../packages/server/dist/main.js', import.meta.url));

/** The server's own process, killed in the middle of a publish and started again on what it left on disk. */
describe('a publish cut short', () => {
  let dir: string;
  let port: number;
  let child: ChildProcess | undefined;
  const secrets = serverSecrets();
  const made = artifact();

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'pegasus-crash-'));
    await copyPgliteTemplate(join(dir, 'db'));
    port = await freePort();
  });
  afterEach(async () => {
    child?.kill('SIGKILL');
    await rm(dir, { recursive: true, force: true });
  });

  async function start(failpoints?: string): Promise<BootstrapFile> {
    const temporal = inject('temporal');
    child = fork(MAIN, [], {
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      env: {
        ...process.env,
        TEMPORAL_ADDRESS: temporal.address,
        TEMPORAL_NAMESPACE: temporal.namespace,
        PEGASUS_PORT: String(port),
        PEGASUS_PGLITE_DIR: join(dir, 'db'),
        PEGASUS_ARTIFACTS_DIR: join(dir, 'artifacts'),
        ...secrets,
        PEGASUS_BOOTSTRAP_FILE: join(dir, 'bootstrap.json'),
        ...(failpoints ? { PEGASUS_FAILPOINTS: failpoints } : {}),
      },
    });
    const [message] = await once(child, 'message');
    expect(message).toEqual({ type: 'ready', url: `http://127.0.0.1:${port}` });
    return JSON.parse(await readFile(join(dir, 'bootstrap.json'), 'utf8')) as BootstrapFile;
  }

  async function call(file: BootstrapFile, method: string, path: string, body?: unknown) {
    const response = await fetch(`http://127.0.0.1:${port}/api/v1/workflows${path}`, {
      method,
      headers: { authorization: `Bearer ${file.apiKey}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: response.status, body: (await response.json()) as any };
  }

  async function upload(file: BootstrapFile): Promise<object> {
    const { name, version } = made.manifest;
    const reserved = await call(file, 'POST', '/upload-url', { name, version, sizeBytes: made.zip.length });
    const sent = await fetch(reserved.body.data.uploadUrl, {
      method: 'PUT',
      headers: { 'content-type': 'application/zip' },
      body: new Uint8Array(made.zip),
    });
    expect(sent.status).toBe(204);
    return { workflowId: reserved.body.data.workflowId, manifest: made.manifest };
  }

  const stored = async () => {
    const found = await readdir(join(dir, 'artifacts', 'blobs'), { recursive: true, withFileTypes: true });
    return found.filter((entry) => entry.isFile()).length;
  };

  it.each([
    ['publish.before-store', 0, 201],
    ['publish.after-store', 0, 201],
    ['publish.after-insert', 1, 409],
  ])(
    'by a kill at %s leaves a whole workflow or none (publish invariants 1, 3)',
    async (point, rows, again) => {
      const file = await start(`${point}=kill`);
      const request = await upload(file);
      const exited = once(child!, 'exit');
      await expect(call(file, 'POST', '', request)).rejects.toThrow();
      expect((await exited)[1]).toBe('SIGKILL');

      expect(await start()).toEqual(file);
      const listed = await call(file, 'GET', '');
      expect(listed.body.meta.count).toBe(rows);
      // What was not published can still be: the reservation and the upload are as they were.
      expect((await call(file, 'POST', '', request)).status).toBe(again);
      const [row] = (await call(file, 'GET', '')).body.data;
      const { downloadUrl } = (await call(file, 'GET', `/${row.id}/download-url`)).body.data;
      expect(Buffer.from(await (await fetch(downloadUrl)).arrayBuffer())).toEqual(made.zip);
      expect(await stored()).toBe(1);
    },
  );

  it('by a failure after the bytes were stored removes them (publish invariant 3)', async () => {
    const file = await start('publish.after-store=throw');
    const request = await upload(file);
    expect(await call(file, 'POST', '', request)).toMatchObject({
      status: 500,
      body: { code: 'INTERNAL_ERROR', correlationId: expect.any(String) },
    });
    expect([(await call(file, 'GET', '')).body.meta.count, await stored()]).toEqual([0, 0]);
    expect((await call(file, 'POST', '', request)).status).toBe(201);
    const exited = once(child!, 'exit');
    child!.kill('SIGTERM');
    expect((await exited)[0]).toBe(0);
  });

  it('leaves with its parent, closing in order', async () => {
    await start();
    const exited = once(child!, 'exit');
    child!.disconnect();
    expect((await exited)[0]).toBe(0);
    expect(await readdir(dir)).not.toContain('db.owner');
  });
});

/** A port nobody listens on now. */
async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return port;
}
