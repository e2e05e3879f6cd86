import { isTerminal, type Execution, type ExecutionStatus } from '@pegasus-workflows/contracts';
import { type Client } from '@temporalio/client';
import { expect } from 'vitest';
import { eventually } from '../../support/wait.js';
import { type Machine } from './machine.js';

/** What a row must say for each status that Temporal's `describe` gives. */
const ROW_STATUS: Record<string, ExecutionStatus> = {
  RUNNING: 'RUNNING',
  COMPLETED: 'COMPLETED',
  FAILED: 'FAILED',
  TIMED_OUT: 'TIMED_OUT',
  CANCELLED: 'CANCELLED',
  TERMINATED: 'FAILED',
};

/** The platform compares every open row with Temporal this often in the fault suite, milliseconds. */
export const RECONCILE_INTERVAL_MS = 2_000;

/** Fails unless, at the latest one reconcile interval from now, every row of the workflow says what Temporal says. */
export async function expectRowsToAgree(machine: Machine, workflowId: string): Promise<void> {
  const temporal = await machine.temporal();
  await eventually(async () => expect(await disagreements(machine, temporal, workflowId)).toEqual([]), {
    timeoutMs: RECONCILE_INTERVAL_MS,
    intervalMs: 250,
  });
}

async function disagreements(machine: Machine, temporal: Client, workflowId: string): Promise<string[]> {
  const found: string[] = [];
  for await (const row of machine.client.executions.pages(workflowId)) {
    const problem = await disagreement(temporal, row);
    if (problem) found.push(problem);
  }
  return found;
}

async function disagreement(temporal: Client, row: Execution): Promise<string | undefined> {
  const handle = temporal.workflow.getHandle(row.temporalWorkflowId!);
  const { status, runId } = await handle.describe();
  const said = `row ${row.id} says ${row.status}, Temporal ${status.name}`;
  if (row.status !== ROW_STATUS[status.name]) return said;
  if (row.temporalRunId !== runId) return `${said}, but of run ${runId} and not ${row.temporalRunId}`;
  if (isTerminal(row.status) && row.finishedAt === null) return `${said}, but the row has no finishedAt`;
  return undefined;
}
