import { z } from 'zod';
import { EngineError, type Engine, type ToolCall, type Turn, type TurnRequest } from './engine.js';

/** One turn of a transcript: what the model says, and what it has to have been told before. */
export const scriptedTurnSchema = z.strictObject({
  text: z.string().optional(),
  calls: z
    .array(
      z.strictObject({
        id: z.string().optional(),
        name: z.string(),
        arguments: z.union([z.string(), z.record(z.string(), z.unknown())]),
      }),
    )
    .optional(),
  usage: z.strictObject({ in: z.number(), out: z.number() }).optional(),
  /** What the last message has to contain. */
  after: z.string().optional(),
  fails: z.string().optional(),
});
export type ScriptedTurn = z.input<typeof scriptedTurnSchema>;

/**
 * Plays a transcript: the n-th question has the n-th answer, however often it is asked, so that a dispatch that goes on
 * after a crash is told the same again.
 */
export class ScriptedEngine implements Engine {
  /** Questions that were asked, in order. */
  readonly asked: TurnRequest[] = [];

  constructor(
    private readonly turns: readonly ScriptedTurn[],
    readonly model = 'scripted',
  ) {}

  turn(request: TurnRequest, signal: AbortSignal): Promise<Turn> {
    return Promise.resolve().then(() => {
      signal.throwIfAborted();
      this.asked.push(request);
      const at = request.messages.filter(({ role }) => role === 'assistant').length;
      const turn = this.turns[at];
      if (!turn) throw new EngineError(`the transcript has no turn ${at + 1}`);
      const last = request.messages.at(-1)?.content ?? '';
      if (turn.after !== undefined && !last.includes(turn.after))
        throw new EngineError(
          `turn ${at + 1} comes after ${JSON.stringify(turn.after)}, and not after ${JSON.stringify(last)}`,
        );
      if (turn.fails !== undefined) throw new EngineError(turn.fails);
      const { text = '', calls = [], usage = { in: 10, out: 5 } } = turn;
      const toolCalls = calls.map((call, n): ToolCall => ({
        id: call.id ?? `call_${at + 1}_${n + 1}`,
        name: call.name,
        arguments: typeof call.arguments === 'string' ? call.arguments : JSON.stringify(call.arguments),
      }));
      return { text, toolCalls, usage, finish: toolCalls.length > 0 ? 'tool_calls' : 'stop' };
    });
  }
}
