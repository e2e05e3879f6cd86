import { ARTIFACT_PATHS, type Action } from '@pegasus-workflows/contracts';
import { runtimeTokens } from '@pegasus-workflows/kit';
import { expect } from 'vitest';
import { eventually } from '../../support/wait.js';
import { artifact } from '../artifacts.js';
import { type TestServer } from '../support.js';
import { type ZipEntry } from '../zip.js';

interface OpenRun {
  /** What the supervisor hands to the run. */
  token: string;
  /** Ends it; resolves when the server knows. */
  end(): Promise<void>;
}

/** A run that stays open, for no worker works on it, of a workflow that declares `actions`. */
export async function openRun(
  server: TestServer,
  tenant: { id: string; key: string },
  actions: readonly Action[],
  mode: 'live' | 'dry_run' = 'live',
): Promise<OpenRun> {
  const name = `run-${crypto.randomUUID().slice(0, 8)}`;
  const declared = `required_actions = ${JSON.stringify(actions)}\n`;
  const declare = (entries: ZipEntry[]) =>
    entries.map((entry) =>
      entry.name === ARTIFACT_PATHS.manifest ? { ...entry, data: `${String(entry.data)}${declared}` } : entry,
    );
  const made = artifact(name, '1.0.0', declare, { requiredActions: [...actions] });
  const published = await server.publish(tenant.key, made);
  expect(published).toMatchObject({ status: 201 });
  const { id: workflowId, manifest } = published.body.data;
  const base = `/api/v1/workflows/${workflowId}`;
  const started = await server.call('POST', `${base}/run`, { key: tenant.key, body: { mode } });
  expect(started).toMatchObject({ status: 201 });
  const executionId: string = started.body.data.id;
  const execution = `${base}/executions/${executionId}`;
  // Its row changes once more when Temporal has it.
  await eventually(async () => {
    const found = await server.call('GET', execution, { key: tenant.key });
    expect(found.body.data.status).toBe('RUNNING');
  });
  const token = await runtimeTokens(server.settings.runnerToken).sign(
    { executionId, tenantId: tenant.id, workflowId, actions: manifest.requiredActions ?? [] },
    3_600,
    server.services.clock(),
  );
  return {
    token,
    async end() {
      const { temporalWorkflowId, temporalRunId } = (await server.call('GET', execution, { key: tenant.key }))
        .body.data;
      await server.services.temporal.terminate(temporalWorkflowId, temporalRunId, 'the test ends it');
      const ended = await server.call('GET', `${execution}?waitSeconds=55`, { key: tenant.key });
      expect(ended.body.data.status).not.toBe('RUNNING');
    },
  };
}
