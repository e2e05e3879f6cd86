import { type Usage } from '../budgets/prices.js';

/** A model that is asked turn by turn: what a dispatch needs of it, whoever provides it. */
export interface Engine {
  /** As the price table has it. */
  readonly model: string;
  /** Rejects with {@link EngineError}, or with the signal's reason. */
  turn(request: TurnRequest, signal: AbortSignal): Promise<Turn>;
}

export type Message =
  | { role: 'system' | 'user'; content: string }
  | { role: 'assistant'; content: string; toolCalls: readonly ToolCall[] }
  | { role: 'tool'; toolCallId: string; content: string };

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
