import { type Usage } from '../budgets/prices.js';

/** A model that is asked turn by turn: what a dispatch needs of it, whoever provides it. */
export interface Engine {
  /** As the price table has it. */
  readonly model: string;
  /** Rejects with {@link EngineError}, or with the signal's reason. */
  turn(request: TurnRequest, signal: AbortSignal): Promise<Turn>;
  /** Of an engine that keeps something from turn to turn: it has to be given a {@link TurnRequest.conversation}. */
  readonly conversations?: Conversations;
}

export interface Conversations {
  /** Nothing of it is left when it resolves. A later turn of the same begins with all that was said. */
  end(id: string): Promise<void>;
  endAll(): Promise<void>;
}

/** What a conversation is about, besides what is said in it. */
export interface Conversation {
  /** The same for all turns of a dispatch, and for no other. */
  id: string;
  /** The workspace, absolute and real. */
  root: string;
  /** Relative to it, `/` between the parts, all below included: what is not to be seen. `''`: nothing is. */
  denied: readonly string[];
  /** A file that may be read, by its path relative to the root. Throws one sentence for any other. */
  readText(path: string): Promise<string>;
}

export type Message =
  | { role: 'system' | 'user'; content: string }
  | { role: 'assistant'; content: string; toolCalls: readonly ToolCall[] }
  /** `failed`: what was called for was not done. */
  | { role: 'tool'; toolCallId: string; content: string; failed?: true };

export interface ToolCall {
  id: string;
  name: string;
  /** JSON, as the model wrote it: it may be none. */
  arguments: string;
}

export interface TurnRequest {
  messages: readonly Message[];
  /** Functions as an OpenAI-style API takes them. */
  tools: readonly object[];
  maxTokensOut: number;
  /**
   * The call is to end within so many milliseconds, all of its tries and waits together: an engine does not begin a wait
   * that would end later. Without it the signal alone ends a call.
   */
  timeoutMs?: number;
  /** Whose turn it is. */
  conversation?: Conversation;
}

export interface Turn {
  text: string;
  toolCalls: readonly ToolCall[];
  usage: Usage;
  /** `length`: the answer was cut at {@link TurnRequest.maxTokensOut}. */
  finish: 'stop' | 'tool_calls' | 'length';
}

/** The model's server did not answer, or with what is no answer. */
export class EngineError extends Error {
  override readonly name = 'EngineError';
  /** @param wasRefused it was certainly not worked on, so nothing of it is counted */
  constructor(
    message: string,
    readonly wasRefused = false,
  ) {
    super(message);
  }
}
