import { type Launched, type LaunchedProgram } from './acp-process.js';
import { type Conversation } from './engine.js';

/** Starts programs that live longer than a command, and talk: in walls where the workspace is read-only. */
export interface Programs {
  /** Rejects with one sentence where the walls cannot be put up. */
  start(request: ProgramRequest): Promise<Launched>;
}

export interface ProgramRequest extends LaunchedProgram {
  /** The workspace, absolute and real. */
  root: string;
  /** As of {@link Conversation}. */
  denied: Conversation['denied'];
  /** Read-only, besides the system's, absolute. */
  folders?: readonly string[] | undefined;
  /** The only hosts that it may connect to, by their names; none where there are none. */
  hosts?: readonly string[] | undefined;
}
