import { type AuditEntry } from '@pegasus-workflows/contracts';
import { expect, it } from 'vitest';
import { artifact } from '../server/artifacts.js';
import { forOneDialect } from '../server/support.js';
import { eventually } from '../support/wait.js';
import { KilledServer } from '../support/killed-server.js';

forOneDialect('a server killed between the audit log and the act', (open) => {
  it('leaves an entry too many, never one too few (audit log invariant 1)', async () => {
    await using server = await KilledServer.open(await open());
    await server.start('audit.asked=kill');
    const workflow = `/workflows/${await publish(server)}`;
    const run = `${workflow}/executions/${await start(server, workflow)}`;
    await expect(server.call('POST', `${run}/cancel`)).rejects.toThrow();
    expect(await server.ended).toBe('SIGKILL');

    await server.start();
    const { data } = await server.call('GET', '/audit?outcome=ASKED');
    expect(data).toEqual([
      expect.objectContaining({
        operation: 'cancel',
        object: expect.objectContaining({ kind: 'executions', id: run.split('/').at(-1) }),
        actor: expect.objectContaining({ kind: 'KEY' }),
      }) as AuditEntry,
    ]);
    // It was asked for, and not done.
    const history = await server.call('GET', `${run}/history`);
    expect(JSON.stringify(history.data)).not.toMatch(/cancel/i);
    expect((await server.call('POST', `${run}/terminate`)).status).toBe(202);
    await server.stop();
  });
});

async function publish(server: KilledServer): Promise<string> {
  const { manifest, zip } = artifact();
  const { name, version } = manifest;
  const reserved = await server.call('POST', '/workflows/upload-url', {
    name,
    version,
    sizeBytes: zip.length,
  });
  const { uploadUrl, workflowId } = reserved.data;
  await fetch(uploadUrl, {
    method: 'PUT',
    headers: { 'content-type': 'application/zip' },
    body: new Uint8Array(zip),
  });
  expect((await server.call('POST', '/workflows', { workflowId, manifest })).status).toBe(201);
  return workflowId;
}

/** A run that stays open, for no worker works on it. */
async function start(server: KilledServer, workflow: string): Promise<string> {
  const { data } = await server.call('POST', `${workflow}/run`, {});
  await eventually(async () => {
    const found = await server.call('GET', `${workflow}/executions/${data.id}`);
    expect(found.data.status).toBe('RUNNING');
  });
  return data.id;
}
