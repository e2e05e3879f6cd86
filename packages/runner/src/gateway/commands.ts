/**
 * Rules for what a workflow may ask of Temporal. The gateway checks each command of a completed workflow task and puts
 * the tenant's ids in place of the author's.
 */
import { parseArtifactTaskQueue, tenantWorkflowId } from '@pegasus-workflows/contracts';
import proto, { type google, type temporal } from '@temporalio/proto';

type Command = temporal.api.command.v1.ICommand;
type Cause = temporal.api.enums.v1.WorkflowTaskFailedCause;

const { Duration } = proto.google.protobuf;
const { CommandType, WorkflowTaskFailedCause: CAUSE } = proto.temporal.api.enums.v1;

/** Where the workflow that gives the commands lives. */
export interface CommandScope {
  tenantId: string;
  namespace: string;
  /** Its runs are dry runs, and so must be what they start. */
  dryRun: boolean;
  /** The longest that a run may take, and so a child. */
  maxRunSeconds: number;
}

/** A rule that a command breaks. The sentence names the rule and repeats no id that tenant code made. */
export interface BrokenRule {
  rule: string;
  message: string;
  cause: Cause;
}

/** Every type that a worker may send; Nexus operations are none, because the platform offers no endpoints. */
const ALLOWED = new Set<number>([
  CommandType.COMMAND_TYPE_SCHEDULE_ACTIVITY_TASK,
  CommandType.COMMAND_TYPE_REQUEST_CANCEL_ACTIVITY_TASK,
  CommandType.COMMAND_TYPE_START_TIMER,
  CommandType.COMMAND_TYPE_COMPLETE_WORKFLOW_EXECUTION,
  CommandType.COMMAND_TYPE_FAIL_WORKFLOW_EXECUTION,
  CommandType.COMMAND_TYPE_CANCEL_TIMER,
  CommandType.COMMAND_TYPE_CANCEL_WORKFLOW_EXECUTION,
  CommandType.COMMAND_TYPE_REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION,
  CommandType.COMMAND_TYPE_RECORD_MARKER,
  CommandType.COMMAND_TYPE_CONTINUE_AS_NEW_WORKFLOW_EXECUTION,
  CommandType.COMMAND_TYPE_START_CHILD_WORKFLOW_EXECUTION,
  CommandType.COMMAND_TYPE_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION,
  CommandType.COMMAND_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES,
  CommandType.COMMAND_TYPE_PROTOCOL_MESSAGE,
  CommandType.COMMAND_TYPE_MODIFY_WORKFLOW_PROPERTIES,
]);

const CLOSING = new Set<number>([
  CommandType.COMMAND_TYPE_COMPLETE_WORKFLOW_EXECUTION,
  CommandType.COMMAND_TYPE_FAIL_WORKFLOW_EXECUTION,
  CommandType.COMMAND_TYPE_CANCEL_WORKFLOW_EXECUTION,
]);

/**
 * Checks a command and translates its ids, in place. All attributes that are there are checked, whatever the type
 * says: a crafted message may carry several.
 */
export function checkCommand(command: Command, scope: CommandScope): BrokenRule | undefined {
  if (!ALLOWED.has(command.commandType ?? 0))
    return broken(
      'command-type',
      'this platform does not offer Nexus operations to workflows; call the service from an activity',
      CAUSE.WORKFLOW_TASK_FAILED_CAUSE_FEATURE_DISABLED,
    );
  return (
    activityRule(command, scope) ??
    childRule(command, scope) ??
    signalRule(command, scope) ??
    cancelRule(command, scope) ??
    continueRule(command, scope)
  );
}

function activityRule(command: Command, scope: CommandScope): BrokenRule | undefined {
  const activity = command.scheduleActivityTaskCommandAttributes;
  if (!activity || ownQueue(activity.taskQueue?.name, scope)) return undefined;
  return broken(
    'activity-task-queue',
    `an activity's task queue must be one of its own tenant's artifacts${dryRunNote(scope)}; leave taskQueue out`,
    CAUSE.WORKFLOW_TASK_FAILED_CAUSE_BAD_SCHEDULE_ACTIVITY_ATTRIBUTES,
  );
}

function childRule(command: Command, scope: CommandScope): BrokenRule | undefined {
  const child = command.startChildWorkflowExecutionCommandAttributes;
  if (!child) return undefined;
  const cause = CAUSE.WORKFLOW_TASK_FAILED_CAUSE_BAD_START_CHILD_EXECUTION_ATTRIBUTES;
  if (!ownNamespace(child.namespace, scope))
    return broken('child-namespace', 'a child workflow must be in the namespace of its parent', cause);
  if (!ownQueue(child.taskQueue?.name, scope))
    return broken(
      'child-task-queue',
      `a child workflow's task queue must be one of its own tenant's artifacts${dryRunNote(scope)}; leave taskQueue out`,
      cause,
    );
  if (child.versioningOverride)
    return broken('child-versioning', 'a child workflow may not override its worker version', cause);
  const id = tenantWorkflowId(scope.tenantId, child.workflowId ?? '');
  if (id === undefined)
    return broken(
      'child-workflow-id',
      'a child workflow may not take the id of another tenant; ids that begin with "wf/" or "ch/" are the platform\'s',
      cause,
    );
  child.workflowId = id;
  child.workflowExecutionTimeout = boundedTimeout(child.workflowExecutionTimeout, scope);
  return undefined;
}

/** A child would outlive every limit of its root: it has one of its own, the same as every run. */
function boundedTimeout(
  asked: google.protobuf.IDuration | null | undefined,
  { maxRunSeconds }: CommandScope,
): google.protobuf.IDuration {
  const seconds = Number(asked?.seconds ?? 0) + (asked?.nanos ?? 0) / 1e9;
  return asked && seconds > 0 && seconds <= maxRunSeconds
    ? asked
    : Duration.fromObject({ seconds: maxRunSeconds });
}

function signalRule(command: Command, scope: CommandScope): BrokenRule | undefined {
  const signal = command.signalExternalWorkflowExecutionCommandAttributes;
  if (!signal) return undefined;
  const cause = CAUSE.WORKFLOW_TASK_FAILED_CAUSE_BAD_SIGNAL_WORKFLOW_EXECUTION_ATTRIBUTES;
  const id = tenantWorkflowId(scope.tenantId, signal.execution?.workflowId ?? '');
  if (id === undefined || !ownNamespace(signal.namespace, scope))
    return broken('signal-target', 'a workflow may signal only workflows of its own tenant', cause);
  signal.execution = { ...signal.execution, workflowId: id };
  return undefined;
}

function cancelRule(command: Command, scope: CommandScope): BrokenRule | undefined {
  const cancel = command.requestCancelExternalWorkflowExecutionCommandAttributes;
  if (!cancel) return undefined;
  const cause = CAUSE.WORKFLOW_TASK_FAILED_CAUSE_BAD_REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_ATTRIBUTES;
  const id = tenantWorkflowId(scope.tenantId, cancel.workflowId ?? '');
  if (id === undefined || !ownNamespace(cancel.namespace, scope))
    return broken('cancel-target', 'a workflow may cancel only workflows of its own tenant', cause);
  cancel.workflowId = id;
  return undefined;
}

function continueRule(command: Command, scope: CommandScope): BrokenRule | undefined {
  const next = command.continueAsNewWorkflowExecutionCommandAttributes;
  if (!next || ownQueue(next.taskQueue?.name, scope)) return undefined;
  return broken(
    'continue-as-new-task-queue',
    `a workflow may continue as new only on a task queue of its own tenant's artifacts${dryRunNote(scope)}; leave taskQueue out`,
    CAUSE.WORKFLOW_TASK_FAILED_CAUSE_BAD_CONTINUE_AS_NEW_ATTRIBUTES,
  );
}

/** Whether Temporal would close the run with this command. */
export function closesRun(command: Command): boolean {
  return CLOSING.has(command.commandType ?? 0);
}

/** No queue at all is the parent's own. */
function ownQueue(name: string | null | undefined, { tenantId, dryRun }: CommandScope): boolean {
  if (!name) return true;
  const queue = parseArtifactTaskQueue(name);
  return queue !== undefined && queue.tenantId === tenantId && (queue.dryRun || !dryRun);
}

function ownNamespace(name: string | null | undefined, scope: CommandScope): boolean {
  return !name || name === scope.namespace;
}

function dryRunNote({ dryRun }: CommandScope): string {
  return dryRun ? ', and of a dry run one for dry runs' : '';
}

function broken(rule: string, message: string, cause: Cause): BrokenRule {
  return { rule, message, cause };
}
