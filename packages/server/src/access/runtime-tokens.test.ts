import { ACTIONS, RUNTIME_ACTIONS, type Action } from '@pegasus-workflows/contracts';
import { runtimeTokens } from '@pegasus-workflows/kit';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type OpenExecution } from '../executions/open-executions.js';
import { type Services } from '../infra/context.js';
import { runAuthenticator } from './runtime-tokens.js';

const NOW = new Date('2026-01-01T00:00:00Z');
const RUNNER_TOKEN = 'the runner and the server know it '.repeat(2);
const ids = ['0', '1', '2'].map((digit) => `00000000-0000-4000-8000-00000000000${digit}`);
const [executionId, tenantId, workflowId] = ids as [string, string, string];
const open = {
  id: executionId,
  tenantId,
  workflowId,
  isPlatformTenant: false,
  triggeredByUserId: null,
  dryRun: false,
} as OpenExecution;

/** What a token of these claims may do, or the code of its refusal. */
async function rightsOf(actions: readonly string[], found: OpenExecution | undefined, seconds = 60) {
  const services = { settings: { runnerToken: RUNNER_TOKEN }, clock: () => NOW } as Services;
  const claims = { executionId, tenantId, workflowId, actions: actions as Action[] };
  const token = await runtimeTokens(RUNNER_TOKEN).sign(claims, seconds, NOW);
  return runAuthenticator(
    services,
    async () => found,
  )(token).then(
    (principal) => [...principal.actions].sort(),
    (error: { code: string }) => error.code,
  );
}

describe('rights of a run', () => {
  it('are what its manifest declares and a run may do at all, nothing else (invariant 2)', async () => {
    const declared = fc.uniqueArray(fc.oneof(fc.constantFrom(...ACTIONS), fc.string({ maxLength: 20 })));
    await fc.assert(
      fc.asyncProperty(declared, async (actions) => {
        const wanted: string[] = [];
        for (const action of ACTIONS)
          if (actions.includes(action) && (RUNTIME_ACTIONS as readonly string[]).includes(action))
            wanted.push(action);
        expect(await rightsOf(actions, open)).toEqual(wanted.sort());
      }),
      { numRuns: 50 },
    );
  });

  it('are none once the run is over, or when the token names another version (invariant 1)', async () => {
    expect(await rightsOf(RUNTIME_ACTIONS, undefined)).toBe('UNAUTHENTICATED');
    expect(await rightsOf(RUNTIME_ACTIONS, { ...open, workflowId: executionId })).toBe('UNAUTHENTICATED');
  });
});
