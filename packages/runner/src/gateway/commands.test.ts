import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { artifactTaskQueue, temporalWorkflowId } from '@pegasus-workflows/contracts';
import proto from '@temporalio/proto';
import { checkCommand } from './commands.js';

const { CommandType } = proto.temporal.api.enums.v1;
const tenantId = randomUUID();
const other = randomUUID();
const scope = { tenantId, namespace: 'ns', dryRun: false, maxRunSeconds: 3_600 };
const sha = 'a'.repeat(64);
const own = artifactTaskQueue(tenantId, sha);
const foreign = artifactTaskQueue(other, sha);
const foreignExecution = temporalWorkflowId(other, 'pay', randomUUID());

const child = (attributes: object, type = CommandType.COMMAND_TYPE_START_CHILD_WORKFLOW_EXECUTION) => ({
  commandType: type,
  startChildWorkflowExecutionCommandAttributes: {
    workflowId: 'order-1',
    taskQueue: { name: own },
    ...attributes,
  },
});
const signal = (workflowId: string, namespace = 'ns') => ({
  commandType: CommandType.COMMAND_TYPE_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION,
  signalExternalWorkflowExecutionCommandAttributes: { namespace, execution: { workflowId, runId: 'r' } },
});
const cancel = (workflowId: string, namespace = 'ns') => ({
  commandType: CommandType.COMMAND_TYPE_REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION,
  requestCancelExternalWorkflowExecutionCommandAttributes: { namespace, workflowId },
});
const activity = (queue: string) => ({
  commandType: CommandType.COMMAND_TYPE_SCHEDULE_ACTIVITY_TASK,
  scheduleActivityTaskCommandAttributes: { taskQueue: { name: queue } },
});
const continued = (queue: string) => ({
  commandType: CommandType.COMMAND_TYPE_CONTINUE_AS_NEW_WORKFLOW_EXECUTION,
  continueAsNewWorkflowExecutionCommandAttributes: { taskQueue: { name: queue } },
});

describe('a command inside its tenant', () => {
  it('passes, with its ids made the tenant’s own', () => {
    const start = child({});
    expect(checkCommand(start, scope)).toBe(undefined);
    expect(start.startChildWorkflowExecutionCommandAttributes.workflowId).toBe(`ch/${tenantId}/order-1`);
    const send = signal('order-1');
    expect(checkCommand(send, scope)).toBe(undefined);
    expect(send.signalExternalWorkflowExecutionCommandAttributes.execution).toEqual({
      workflowId: `ch/${tenantId}/order-1`,
      runId: 'r',
    });
    const end = cancel('order-1');
    expect(checkCommand(end, scope)).toBe(undefined);
    expect(end.requestCancelExternalWorkflowExecutionCommandAttributes.workflowId).toBe(
      `ch/${tenantId}/order-1`,
    );
  });

  it.each([
    ['none', undefined, 3_600],
    ['none, in words', { seconds: 0 }, 3_600],
    ['a longer one', { seconds: 86_400 }, 3_600],
    ['a shorter one', { seconds: 60 }, 60],
  ])('gives a child that asks for %s a time limit', (_what, asked, given) => {
    const start = child({ workflowExecutionTimeout: asked });
    expect(checkCommand(start, scope)).toBe(undefined);
    expect(start.startChildWorkflowExecutionCommandAttributes).toMatchObject({
      workflowExecutionTimeout: { seconds: asked && given === asked.seconds ? given : { low: given } },
    });
  });

  it('may name an execution of the tenant, and leave the task queue out', () => {
    const id = temporalWorkflowId(tenantId, 'pay', randomUUID());
    expect(checkCommand(signal(id), scope)).toBe(undefined);
    for (const command of [
      activity(''),
      continued(''),
      child({ taskQueue: null }),
      activity(own),
      continued(own),
    ])
      expect(checkCommand(command, scope)).toBe(undefined);
  });
});

describe('a command that reaches beyond its tenant', () => {
  it.each([
    ['child-workflow-id', child({ workflowId: foreignExecution })],
    ['child-workflow-id', child({ workflowId: `ch/${other}/order-1` })],
    ['child-workflow-id', child({ workflowId: `ch/${tenantId}/order-1` })],
    ['child-task-queue', child({ taskQueue: { name: foreign } })],
    ['child-task-queue', child({ taskQueue: { name: 'anything' } })],
    ['child-namespace', child({ namespace: 'temporal-system' })],
    ['child-versioning', child({ versioningOverride: {} })],
    ['signal-target', signal(foreignExecution)],
    ['signal-target', signal('order-1', 'other')],
    ['cancel-target', cancel(foreignExecution)],
    ['cancel-target', cancel('order-1', 'other')],
    ['activity-task-queue', activity(foreign)],
    ['activity-task-queue', activity('temporal-sys-per-ns-tq')],
    ['continue-as-new-task-queue', continued(foreign)],
    ['command-type', { commandType: CommandType.COMMAND_TYPE_SCHEDULE_NEXUS_OPERATION }],
    ['command-type', { commandType: 99 }],
    ['command-type', {}],
  ])('breaks the rule %s', (rule, command) => {
    const broken = checkCommand(command, scope);
    expect(broken?.rule).toBe(rule);
    expect(broken?.message).not.toContain(other);
  });

  it('is found whatever type the command claims', () => {
    const disguised = child({ workflowId: foreignExecution }, CommandType.COMMAND_TYPE_START_TIMER);
    expect(checkCommand(disguised, scope)?.rule).toBe('child-workflow-id');
  });

  it('includes what would leave a dry run', () => {
    const dry = { ...scope, dryRun: true };
    const dryQueue = artifactTaskQueue(tenantId, sha, true);
    expect(checkCommand(activity(own), dry)?.rule).toBe('activity-task-queue');
    expect(checkCommand(child({}), dry)?.rule).toBe('child-task-queue');
    expect(checkCommand(activity(dryQueue), dry)).toBe(undefined);
    expect(checkCommand(activity(dryQueue), scope)).toBe(undefined);
  });
});
