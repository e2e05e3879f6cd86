/**
 * What a worker is shown of Temporal's answers: ids as its author wrote them, tokens of its own. Field numbers are
 * those of Temporal's public API (`workflowservice/v1/request_response.proto`, `history/v1/message.proto`); a test holds
 * them against the generated types.
 */
import { authoredWorkflowId } from '@pegasus-workflows/contracts';
import { historySizeOf } from './run-limits.js';
import { editMessage, editText, fieldOf, textOf, type EditTree } from './wire.js';
import { type WorkerTokens } from './worker-tokens.js';

/** A worker's view of Temporal's answers. */
export interface View {
  tenantId: string;
  tokens: WorkerTokens;
  /** Told of the run of each task that is handed out, by Temporal's ids. */
  onTask(workflowId: string, runId: string, taskQueue: string): void;
}

/** Fields of `WorkflowExecution`. */
const EXECUTION = { workflowId: 1, runId: 2 } as const;

/** Fields of `DataBlob`, in which a cluster may send a history as it stores it. */
const DATA_BLOB = { data: 2 } as const;

/** Edits that put the author's ids into a `History`. */
function historyEdits(tenantId: string): EditTree {
  const id = editText((text) => authoredWorkflowId(tenantId, text));
  const execution = { [EXECUTION.workflowId]: id };
  const attributes: EditTree = {
    // WorkflowExecutionStarted: parent, own id, root.
    6: { 3: execution, 28: id, 31: execution },
    // WorkflowExecutionSignaled, WorkflowExecutionCancelRequested: by whom.
    26: { 6: execution },
    28: { 3: execution },
    // RequestCancelExternalWorkflowExecutionInitiated, …Failed, ExternalWorkflowExecutionCancelRequested.
    30: { 3: execution },
    31: { 4: execution },
    32: { 3: execution },
    // StartChildWorkflowExecutionInitiated, …Failed.
    34: { 2: id },
    35: { 2: id },
    // ChildWorkflowExecutionStarted, Completed, Failed, Canceled, TimedOut, Terminated.
    36: { 3: execution },
    37: { 3: execution },
    38: { 3: execution },
    39: { 3: execution },
    40: { 2: execution },
    41: { 2: execution },
    // SignalExternalWorkflowExecutionInitiated, …Failed, ExternalWorkflowExecutionSignaled.
    42: { 3: execution },
    43: { 4: execution },
    44: { 3: execution },
  };
  return { 1: attributes };
}

/** Makes the views of one worker's answers. */
export class Responses {
  readonly #view: View;
  readonly #history: EditTree;
  readonly #execution: EditTree;

  constructor(view: View) {
    this.#view = view;
    this.#history = historyEdits(view.tenantId);
    this.#execution = {
      [EXECUTION.workflowId]: editText((text) => authoredWorkflowId(view.tenantId, text)),
    };
  }

  /** `PollWorkflowTaskQueueResponse`; one without a task passes as it is. */
  workflowTask(response: Uint8Array, taskQueue: string): Uint8Array {
    const token = fieldOf(response, 1);
    if (token.length === 0) return response;
    const task = { taskQueue, token, history: historySizeOf(response), ...executionOf(fieldOf(response, 2)) };
    this.#view.onTask(task.workflowId, task.runId, taskQueue);
    return editMessage(response, {
      1: () => this.#view.tokens.sealTask({ kind: 'workflow', ...task }),
      2: this.#execution,
      8: this.#history,
      9: (page) => this.#view.tokens.sealPage(task.runId, page),
    });
  }

  /** `PollActivityTaskQueueResponse`. */
  activityTask(response: Uint8Array, taskQueue: string): Uint8Array {
    const token = fieldOf(response, 1);
    if (token.length === 0) return response;
    const task = { taskQueue, token, ...executionOf(fieldOf(response, 4)) };
    this.#view.onTask(task.workflowId, task.runId, taskQueue);
    return editMessage(response, {
      1: () => this.#view.tokens.sealTask({ kind: 'activity', ...task }),
      4: this.#execution,
    });
  }

  /** `RespondWorkflowTaskCompletedResponse`: it may bring the next workflow task and eager activities. */
  completion(response: Uint8Array, taskQueue: string): Uint8Array {
    return editMessage(response, {
      1: (task) => this.workflowTask(task, taskQueue),
      2: (task) => this.activityTask(task, taskQueue),
    });
  }

  /** `GetWorkflowExecutionHistoryResponse`, of a run. */
  history(response: Uint8Array, runId: string): Uint8Array {
    return editMessage(response, {
      1: this.#history,
      2: { [DATA_BLOB.data]: this.#history },
      3: (page) => this.#view.tokens.sealPage(runId, page),
    });
  }
}

function executionOf(bytes: Uint8Array): { workflowId: string; runId: string } {
  return {
    workflowId: textOf(fieldOf(bytes, EXECUTION.workflowId)),
    runId: textOf(fieldOf(bytes, EXECUTION.runId)),
  };
}
