import { readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { KilledServer } from '../support/killed-server.js';
import { artifact, type Artifact } from './artifacts.js';
import { openEmbedded, type TestDialect } from './support.js';

/** The server's own process, killed in the middle of a publish and started again on what it left on disk. */
describe('a publish cut short', () => {
  let dialect: TestDialect;
  let server: KilledServer;

  beforeAll(async () => {
    dialect = await openEmbedded();
    server = await KilledServer.open(dialect);
  });
  afterAll(() => server?.[Symbol.asyncDispose]());

  async function upload({ manifest, zip }: Artifact): Promise<object> {
    const { name, version } = manifest;
    const wanted = { name, version, sizeBytes: zip.length };
    const reserved = await server.call('POST', '/workflows/upload-url', wanted);
    const sent = await fetch(reserved.data.uploadUrl, {
      method: 'PUT',
      headers: { 'content-type': 'application/zip' },
      body: new Uint8Array(zip),
    });
    expect(sent.status).toBe(204);
    return { workflowId: reserved.data.workflowId, manifest };
  }

  const published = async (name: string): Promise<{ id: string }[]> => {
    const { data } = await server.call('GET', '/workflows');
    return (data as { id: string; name: string }[]).filter((row) => row.name === name);
  };
  const stored = async () => {
    const blobs = join(server.folder, 'artifacts', 'blobs');
    const found = await readdir(blobs, { recursive: true, withFileTypes: true });
    return found.filter((entry) => entry.isFile()).length;
  };

  it.each([
    ['publish.before-store', 0, 201],
    ['publish.after-store', 0, 201],
    ['publish.after-insert', 1, 409],
  ])(
    'by a kill at %s leaves a whole workflow or none (publish invariants 1, 3)',
    async (point, rows, again) => {
      await server.start(`${point}=kill`);
      const keys = await server.keys();
      const made = artifact(point.replace('publish.', ''));
      const before = await stored();
      const request = await upload(made);
      await expect(server.call('POST', '/workflows', request)).rejects.toThrow();
      expect(await server.ended).toBe('SIGKILL');

      await server.start();
      expect(await server.keys()).toEqual(keys);
      expect(await published(made.manifest.name)).toHaveLength(rows);
      // What was not published can still be: the reservation and the upload are as they were.
      expect((await server.call('POST', '/workflows', request)).status).toBe(again);
      const [row] = await published(made.manifest.name);
      const { data } = await server.call('GET', `/workflows/${row!.id}/download-url`);
      const downloaded = await fetch(data.downloadUrl);
      expect(Buffer.from(await downloaded.arrayBuffer())).toEqual(made.zip);
      expect((await stored()) - before).toBe(1);
    },
  );

  it('by a failure after the bytes were stored removes them (publish invariant 3)', async () => {
    await server.start('publish.after-store=throw');
    const made = artifact('thrown');
    const before = await stored();
    const request = await upload(made);
    expect(await server.call('POST', '/workflows', request)).toMatchObject({
      status: 500,
      body: { code: 'INTERNAL_ERROR', correlationId: expect.any(String) },
    });
    expect([(await published('thrown')).length, (await stored()) - before]).toEqual([0, 0]);
    expect((await server.call('POST', '/workflows', request)).status).toBe(201);
  });

  it('leaves with its parent, closing in order', async () => {
    await server.startUnlessRunning();
    server.orphan();
    expect(await server.ended).toBe(0);
    const { pgliteDir } = dialect.settings;
    expect(await readdir(dirname(pgliteDir!))).toEqual(['db']);
  });
});
