import { type AgentTool } from '@pegasus-workflows/contracts/agents';
import { type z } from 'zod';
import { type Effect } from '../permissions/effects.js';
import { type Ceiling } from '../permissions/ceiling.js';
import { type PermissionEngine } from '../permissions/decide.js';
import { type Fetcher } from './fetcher.js';
import { type CallJournal } from './journal.js';
import { type Reads } from './reads.js';
import { type Shell, type ShellRequest } from './shell.js';
import { type Workspace } from './workspace.js';

/** What some tools need that is not everywhere; without it they are not offered. */
export interface ToolPorts {
  /** For `bash`. */
  shell?: Shell | undefined;
  /** For `fetch`. */
  fetcher?: Fetcher | undefined;
}

/** What a call of a tool has to work with. */
export interface ToolContext extends ToolPorts {
  workspace: Workspace;
  /** For what a call finds on its way, such as each file of a search. */
  permissions: PermissionEngine;
  /** What `permissions` decides by. Its paths are the walls of a command line: without it none is run. */
  ceiling?: Ceiling | undefined;
  journal: CallJournal;
  /** Starts programs under the writer's lease, where there is one. */
  starter?: ShellRequest['starter'];
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
  /** Without it there is no such tool. */
  needs?: keyof ToolPorts;
  prepare(input: Input, workspace: Workspace): Promise<PreparedCall>;
}
