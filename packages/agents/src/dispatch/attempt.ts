import { type ToolCall } from '../engines/engine.js';
import { type EventLog } from '../log/event-log.js';
import { type Ceiling } from '../permissions/ceiling.js';
import { type PermissionEngine } from '../permissions/decide.js';
import { type CallJournal } from '../tools/journal.js';
import { type Reads } from '../tools/reads.js';
import { ToolError } from '../tools/tool-error.js';
import { type ToolContext, type ToolPorts } from '../tools/tool.js';
import { judge, type JudgedCall } from '../tools/toolbox.js';
import { type Workspace } from '../tools/workspace.js';
import { type Attempt, type AttemptGiven } from './run.js';

export interface AttemptParts extends ToolPorts {
  log: Pick<EventLog, 'append'>;
  taskId: string;
  workspace: Workspace;
  permissions: PermissionEngine;
  ceiling: Ceiling;
  journal: CallJournal;
  starter?: ToolContext['starter'];
  signal: AbortSignal;
}

/** Judges a call, and makes it where that is allowed; it is in the log before it is made. */
export async function attemptCall(
  { log, taskId, ...parts }: AttemptParts,
  call: ToolCall,
  { key, reads, approved }: AttemptGiven,
): Promise<Attempt> {
  let judged: JudgedCall;
  try {
    judged = await judge(call.name, call.arguments, { ...parts, reads, callId: key });
  } catch (error) {
    if (error instanceof ToolError) return refused(error, [], call.arguments);
    throw error;
  }
  const { decision, effects, writes } = judged;
  const { verdict, rule, why } = decision;
  const said = { toolCallId: call.id, toolName: call.name, decision: verdict, rule };
  await log.append({ kind: 'call', taskId, decision: said, arguments: judged.arguments, why });
  const told = { decision, effects, arguments: judged.arguments };
  if (verdict === 'deny' || (verdict === 'ask' && approved !== effects)) return told;
  try {
    const { text, filesChanged, reads: after } = await judged.run();
    return { ...told, outcome: { ok: true, text, writes, filesChanged, reads: newIn(after, reads) } };
  } catch (error) {
    if (error instanceof ToolError) return { ...told, ...refused(error, writes, judged.arguments) };
    throw error;
  }
}

function refused(error: ToolError, writes: readonly string[], given: unknown): Attempt {
  return {
    arguments: given,
    outcome: { ok: false, text: error.message, writes, filesChanged: [], reads: {} },
    ...(error.code === 'NO_TOOL' ? { isUnavailable: true } : {}),
  };
}

/** What was read beside this call is told by its own call. */
function newIn(after: Reads, before: Reads): Reads {
  return Object.fromEntries(Object.entries(after).filter(([path, digest]) => before[path] !== digest));
}
