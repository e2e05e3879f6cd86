import type { ErrorCode } from '@pegasus-workflows/contracts';

/** What a caller does about each failure. A code without an entry is explained by the server's own sentence. */
const HINTS: Partial<Record<ErrorCode, string>> = {
  REQUIREMENTS_MISSING:
    'Set each of them (pegasus-workflows secrets set <key>, pegasus-workflows configs set <key>), then run again.',
  UNAUTHENTICATED: 'Check that the API key is complete, not revoked and not expired, and is of this server.',
  FORBIDDEN: 'Use a key whose role holds the action that the message names, or ask a tenant admin for it.',
  WORKFLOW_MUST_FORK: 'Fork the workflow into your tenant, then run the fork.',
  NOT_FOUND: "Check the id, and that it belongs to this key's tenant.",
  UPLOAD_URL_INVALID:
    'The upload URL was altered, used up or is too old: ask for a new one and upload again.',
  ARTIFACT_INVALID: 'Mend the problems listed and publish again; nothing was stored.',
  EXECUTION_NOT_CANCELLABLE: 'Only a queued or running execution can be cancelled; look at its status.',
  EXECUTION_NOT_OPEN: 'Look at its status and its result; start a new run if there is more to do.',
  EXECUTION_NOT_RETRYABLE: 'Only a failed, timed-out or cancelled execution can be retried.',
  QUERY_REJECTED: 'Ask for a query that the run knows (its handlers list them), with the arguments it takes.',
  TEMPORAL_QUERY_FAILED:
    "Try again in a moment: the run's worker may still be starting. If it stays, look at the log of the runner.",
  WORKFLOW_QUARANTINED:
    'Read why (pegasus-workflows workflows logs), publish a version that is mended, or let this one run again: pegasus-workflows workflows release.',
  WORKFLOWS_DISABLED: 'Workflows are switched off on this platform: ask its operator.',
  CONCURRENCY_LIMIT: 'Wait for open executions to finish, or ask the operator for a higher limit.',
  DAILY_QUOTA_EXCEEDED: 'Run again tomorrow, or ask the operator for a higher quota.',
  DRY_RUN_UNSUPPORTED: 'Run it with mode "live".',
};

/** The next step for an error code, else for a status; a server fault quotes its correlation id. */
export function hintFor(code: string, status: number, correlationId: string | undefined): string | undefined {
  const hint = (HINTS as Record<string, string | undefined>)[code];
  if (hint) return hint;
  if (correlationId) return `Try again; if it stays, tell the operator the correlation id ${correlationId}.`;
  return status >= 500 ? 'Try again; if it stays, look at the log of the server.' : undefined;
}
