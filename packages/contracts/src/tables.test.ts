import { describe, expect, it } from 'vitest';
import { ACTIONS, actionsOf, ROLE_ACTIONS, RUNTIME_ACTIONS } from './actions.js';
import { ERROR_TABLE, PegasusError } from './errors.js';
import { isTerminal, RETRYABLE_STATUSES } from './executions.js';
import { LIMITS } from './limits.js';
import { manifestSchema } from './manifest.js';

const manifest = {
  name: 'hello',
  version: '1.0.0',
  entryPoints: ['hello/workflow:hello'],
  diagram: 'flowchart TD\n a',
};

describe('the error table', () => {
  it('has the statuses that clients rely on', () => {
    const statuses = Object.fromEntries(Object.entries(ERROR_TABLE).map(([code, row]) => [code, row.status]));
    expect(statuses).toMatchObject({
      VALIDATION_ERROR: 400,
      WORKFLOW_NOT_EXECUTABLE: 400,
      UNAUTHENTICATED: 401,
      FORBIDDEN: 403,
      WORKFLOW_MUST_FORK: 403,
      NOT_FOUND: 404,
      CONFLICT: 409,
      EXECUTION_NOT_CANCELLABLE: 409,
      EXECUTION_NOT_RETRYABLE: 409,
      ARTIFACT_TOO_LARGE: 422,
      ARTIFACT_INVALID: 422,
      DRY_RUN_UNSUPPORTED: 422,
      WORKFLOWS_DISABLED: 423,
      CONCURRENCY_LIMIT: 429,
      DAILY_QUOTA_EXCEEDED: 429,
      INTERNAL_ERROR: 500,
      TEMPORAL_START_FAILED: 502,
      TEMPORAL_HISTORY_UNAVAILABLE: 502,
      TEMPORAL_CANCEL_FAILED: 502,
    });
  });

  it('gives each error its status, exit code and retryability', () => {
    const error = new PegasusError('NOT_FOUND', 'no such workflow', { hint: 'list them' });
    expect([error.status, error.exitCode, error.retryable, error.hint]).toEqual([404, 4, false, 'list them']);
  });
});

describe('roles', () => {
  it('never hold an action that does not exist', () => {
    for (const actions of Object.values(ROLE_ACTIONS))
      expect(ACTIONS).toEqual(expect.arrayContaining([...actions]));
    expect(ACTIONS).toEqual(expect.arrayContaining([...RUNTIME_ACTIONS]));
  });
  it('add up', () => {
    expect([...actionsOf(['integration_publisher'])]).toEqual([
      'ReadIntegrationConfig',
      'PublishIntegrationConfig',
    ]);
    expect(actionsOf([]).size).toBe(0);
    expect(actionsOf(['workflow_developer', 'tenant_admin']).size).toBe(ACTIONS.length);
  });
});

describe('statuses', () => {
  it('are retryable only when terminal and not successful', () => {
    expect(RETRYABLE_STATUSES.every(isTerminal)).toBe(true);
    expect(RETRYABLE_STATUSES).not.toContain('COMPLETED');
    expect(isTerminal('QUEUED') || isTerminal('RUNNING')).toBe(false);
  });
});

describe('the manifest', () => {
  const problemAt = (change: object) =>
    manifestSchema.safeParse({ ...manifest, ...change }).error?.issues[0]?.path[0];

  it('accepts the least and the most', () => {
    expect(manifestSchema.safeParse(manifest).success).toBe(true);
    expect(
      manifestSchema.safeParse({
        ...manifest,
        diagram: 'x'.repeat(LIMITS.diagramCharacters),
        timeoutSeconds: LIMITS.workflowTimeoutSeconds,
        requiredActions: [...RUNTIME_ACTIONS],
        requiredSecrets: [{ key: 'API_KEY', group: 'crm', description: 'of the CRM' }],
      }).success,
    ).toBe(true);
  });

  it.each([
    [{ name: 'Hello' }, 'name'],
    [{ version: '1' }, 'version'],
    [{ entryPoints: [] }, 'entryPoints'],
    [{ entryPoints: [''] }, 'entryPoints'],
    [{ diagram: '' }, 'diagram'],
    [{ diagram: 'x'.repeat(LIMITS.diagramCharacters + 1) }, 'diagram'],
    [{ requiredActions: ['Fly'] }, 'requiredActions'],
    [{ timeoutSeconds: 0 }, 'timeoutSeconds'],
    [{ timeoutSeconds: LIMITS.workflowTimeoutSeconds + 1 }, 'timeoutSeconds'],
    [{ requiredSecrets: [{ key: '1x' }] }, 'requiredSecrets'],
  ])('refuses %j and names the field', (change, field) => {
    expect(problemAt(change)).toBe(field);
  });
});
