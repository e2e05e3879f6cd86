import { PegasusError, RUNTIME_ACTIONS, type Action } from '@pegasus-workflows/contracts';
import { runtimeTokens } from '@pegasus-workflows/kit';
import { type OpenExecution } from '../executions/open-executions.js';
import { type CallingExecution, type Principal, type Services } from '../infra/context.js';

/**
 * Job: the calls of running executions: whom a runtime token stands for.
 *
 * Boundary: the token's signature says which execution the supervisor vouches for and what its manifest declares; the
 * execution's row says whether that counts.
 *
 * Invariants
 * 1. A token works while its execution is open, of the tenant and of the workflow version that the token names.
 * 2. It allows what the manifest declares and an execution may do at all ({@link RUNTIME_ACTIONS}), nothing else.
 * 3. Every refusal is UNAUTHENTICATED, and none says whether an execution of another tenant exists.
 */
export type AuthenticateRun = (token: string) => Promise<RunningPrincipal>;
export type RunningPrincipal = Principal & { execution: CallingExecution };

/** Of a run that nobody in particular asked for: a schedule's, an event's. */
const NOBODY = '00000000-0000-0000-0000-000000000000';
/** Three parts of base64url; an API key has no dot. */
const TOKEN_PATTERN = /^[\w-]+\.[\w-]+\.[\w-]*$/;

/** Whether a bearer is meant to be a runtime token. */
export function isRuntimeToken(bearer: string | undefined): bearer is string {
  return bearer !== undefined && TOKEN_PATTERN.test(bearer);
}

/** Who a runtime token speaks for. The answer throws UNAUTHENTICATED. */
export function runAuthenticator(
  { settings, clock }: Pick<Services, 'settings' | 'clock'>,
  find: (tenantId: string, executionId: string) => Promise<OpenExecution | undefined>,
): AuthenticateRun {
  const tokens = runtimeTokens(settings.runnerToken);
  return async (token) => {
    const claims = await tokens.verify(token, clock());
    if (!claims) {
      throw refused(
        'This runtime token is not valid, or has expired; read PEGASUS_RUNTIME_TOKEN at each call.',
      );
    }
    const open = await find(claims.tenantId, claims.executionId);
    if (!open || open.workflowId !== claims.workflowId) {
      throw refused('The execution of this runtime token is not open; its token ended with it.');
    }
    return {
      principalId: open.triggeredByUserId ?? NOBODY,
      tenantId: open.tenantId,
      isPlatformTenant: open.isPlatformTenant,
      actions: allowed(claims.actions),
      keyId: null,
      execution: { id: open.id, workflowId: open.workflowId, dryRun: open.dryRun },
    };
  };
}

function allowed(declared: readonly string[]): ReadonlySet<Action> {
  return new Set(RUNTIME_ACTIONS.filter((action) => declared.includes(action)));
}

function refused(sentence: string): PegasusError {
  return new PegasusError('UNAUTHENTICATED', sentence);
}
