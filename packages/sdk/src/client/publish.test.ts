import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PegasusClient, isPegasusDecodeError, type Manifest, type PublishStage } from './index.js';
import {
  breakConnection,
  json,
  localServer,
  uuid,
  workflowRow,
  type Answer,
  type LocalServer,
} from './testing-support/local-server.js';

const manifest: Manifest = {
  name: 'hello',
  version: '1.0.0',
  entryPoints: ['hello/workflow:hello'],
  diagram: 'graph TD',
};
const artifact = new TextEncoder().encode('zip bytes');
const published = json(201, { data: workflowRow({ id: uuid(7) }) });
const present = json(200, { data: workflowRow({ id: uuid(7) }) });
const absent = json(404, { error: 'no such workflow', code: 'NOT_FOUND' });
const conflict = json(409, { error: 'hello@1.0.0 exists', code: 'CONFLICT' });

describe('publish', () => {
  let server: LocalServer;
  let client: PegasusClient;
  beforeEach(async () => {
    server = await localServer();
    client = new PegasusClient({ baseUrl: server.url, token: 'vnd_secret' });
  });
  afterEach(() => server.close());

  const reserve: Answer = (request, response) => {
    const data = { workflowId: uuid(7), uploadUrl: `${server.url}/up?sig=x`, expiresInSeconds: 900 };
    return json(201, { data })(request, response);
  };
  const finalize = () => client.workflows.finalize({ workflowId: uuid(7), manifest });
  const asked = () => server.requests.map(({ method, url }) => `${method} ${url.split('?')[0]}`);

  it('reserves, uploads once with the exact length and no token, and finalizes', async () => {
    server.answer(reserve, (_request, response) => void response.writeHead(200).end(), published);
    const stages: PublishStage[] = [];
    const workflow = await client.workflows.publish({
      manifest,
      artifact: new Blob([artifact]),
      onProgress: ({ stage }) => stages.push(stage),
    });
    expect(workflow.id).toBe(uuid(7));
    expect(stages).toEqual(['upload-url', 'upload', 'finalize', 'published']);
    expect(asked()).toEqual(['POST /api/v1/workflows/upload-url', 'PUT /up', 'POST /api/v1/workflows']);
    const [request, put] = server.requests;
    expect(JSON.parse(request!.body)).toEqual({ name: 'hello', version: '1.0.0', sizeBytes: 9 });
    expect(put).toMatchObject({ body: 'zip bytes' });
    expect(put!.headers).toMatchObject({ 'content-type': 'application/zip', 'content-length': '9' });
    expect(put!.headers.authorization).toBeUndefined();
  });

  it('looks before it asks again: present after a lost answer is success', async () => {
    server.answer(breakConnection, present);
    expect((await finalize()).id).toBe(uuid(7));
    expect(asked()).toEqual(['POST /api/v1/workflows', `GET /api/v1/workflows/${uuid(7)}`]);
  });

  it('asks again when it is absent, and takes a conflict with its own first call for success', async () => {
    server.answer(breakConnection, absent, conflict, present);
    expect((await finalize()).id).toBe(uuid(7));
    expect(asked().filter((line) => line.startsWith('POST'))).toHaveLength(2);
  });

  it("reports a conflict with somebody else's publish, at once or after a lost answer", async () => {
    server.answer(conflict);
    await expect(finalize()).rejects.toMatchObject({ code: 'CONFLICT' });
    expect(server.requests).toHaveLength(1);
    server.answer(breakConnection, absent, conflict, absent);
    await expect(finalize()).rejects.toMatchObject({ code: 'CONFLICT' });
  });

  it('downloads, and refuses bytes of another sha256', async () => {
    const artifactSha256 = createHash('sha256').update(artifact).digest('hex');
    const download =
      (sha256: string): Answer =>
      (request, response) => {
        if (request.url.startsWith('/blob')) return void response.end(artifact);
        if (!request.url.endsWith('/download-url'))
          return json(200, { data: workflowRow({ artifactSha256: sha256 }) })(request, response);
        return json(200, { data: { downloadUrl: `${server.url}/blob`, expiresInSeconds: 300 } })(
          request,
          response,
        );
      };
    server.answer(download(artifactSha256));
    expect(await client.workflows.download(uuid(7))).toEqual(new Uint8Array(artifact));
    server.answer(download('0'.repeat(64)));
    const error: unknown = await client.workflows.download(uuid(7)).catch((caught: unknown) => caught);
    expect(isPegasusDecodeError(error) && error.field).toBe('artifactSha256');
  });
});
