import { type AgentTool } from '@pegasus-workflows/contracts/agents';
import { type z } from 'zod';
import { type Effect } from '../permissions/effects.js';
import { type PermissionEngine } from '../permissions/decide.js';
import { type CallJournal } from './journal.js';
import { type Reads } from './reads.js';
import { type Workspace } from './workspace.js';

/** What a call of a tool has to work with. */
export interface ToolContext {
  workspace: Workspace;
  /** For what a call finds on its way, such as each file of a search. */
  permissions: PermissionEngine;
  journal: CallJournal;
  reads: Reads;
  /** Names the call: made again under the same id, it does nothing twice. */
  callId: string;
  signal: AbortSignal;
}

export interface ToolResult {
  /** What the model is told. */
  text: string;
  /** Relative to the workspace's root. */
  filesChanged: readonly string[];
  reads: Reads;
}

/** A call that is understood: what it would do, and how. The paths are the ones that are judged, and no others later. */
export interface PreparedCall {
  effects: readonly Effect[];
  /** Throws {@link ToolError}, whose sentence the model is told. */
  run(context: ToolContext): Promise<ToolResult>;
}

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- each tool takes what its own schema makes
export interface Tool<Input = any> {
  name: AgentTool;
  /** For the model. */
  description: string;
  input: z.ZodType<Input>;
  prepare(input: Input, workspace: Workspace): Promise<PreparedCall>;
}
