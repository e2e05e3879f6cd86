/** The messages and tool calls of an OpenAI-compatible chat API, as far as they are used here. */
export type Message =
  | { role: 'system' | 'user'; content: string }
  | { role: 'assistant'; content: string | null; tool_calls?: ToolCall[] }
  | { role: 'tool'; tool_call_id: string; content: string };

export interface ToolCall {
  id: string;
  type: 'function';
  /** `arguments` is JSON as the model wrote it, which may be no JSON at all. */
  function: { name: string; arguments: string };
}

/** What one turn of the model gave. */
export interface Turn {
  message: Extract<Message, { role: 'assistant' }>;
  tokens: number;
}
