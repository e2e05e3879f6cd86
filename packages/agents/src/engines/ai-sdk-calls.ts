import { z } from 'zod';
import { type Message, type ToolCall } from './engine.js';

/** A piece of a call, as a chat completion's stream has them. */
export const callPieceSchema = z.object({
  index: z.number().nullish(),
  id: z.string().nullish(),
  function: z.object({ name: z.string().nullish(), arguments: z.string().nullish() }).nullish(),
});
export type CallPiece = z.output<typeof callPieceSchema>;

interface Begun extends ToolCall {
  index: number | undefined;
}

/**
 * Puts calls together from their pieces, whatever is wrong with them: the provider's own reading leaves out a call
 * without a name, or breaks the whole answer off, and gives a call without an id a random one.
 */
export class CallPieces {
  readonly #calls: Begun[] = [];

  add(piece: CallPiece): void {
    const index = piece.index ?? undefined;
    const id = piece.id ?? '';
    const name = piece.function?.name ?? '';
    const call = this.#callOf(index, id, name) ?? this.#begin(index);
    call.id ||= id;
    call.name ||= name;
    call.arguments += piece.function?.arguments ?? '';
  }

  get calls(): ToolCall[] {
    return this.#calls.map(({ id, name, arguments: text }) => ({ id, name, arguments: text }));
  }

  /** By its index; some servers send none, or the same one for all, and then the id tells calls apart. */
  #callOf(index: number | undefined, id: string, name: string): Begun | undefined {
    const ofIndex = this.#calls.filter((call) => index === undefined || call.index === index);
    const last = ofIndex.at(-1);
    const isAnother = id !== '' && last !== undefined && last.id !== '' && last.id !== id;
    if (isAnother) return ofIndex.findLast((call) => call.id === id);
    // Without an index a name begins a call, since a call has one.
    const isNext = index === undefined && name !== '' && last !== undefined && last.name !== '';
    return isNext ? undefined : last;
  }

  #begin(index: number | undefined): Begun {
    const call = { id: '', name: '', arguments: '', index };
    this.#calls.push(call);
    return call;
  }
}

/**
 * Calls whose ids are unlike each other and all that came before: a dispatch remembers by the id whether a call was made,
 * and there are models that count from 0 in each of their answers. The same answer has the same ids again.
 */
export function toldApart(calls: readonly ToolCall[], messages: readonly Message[]): ToolCall[] {
  const turns = messages.filter((message) => message.role === 'assistant');
  const taken = new Set(turns.flatMap(({ toolCalls }) => toolCalls.map(({ id }) => id)));
  return calls.map((call, at) => {
    const named = `call_${turns.length + 1}_${at + 1}`;
    let id = call.id.trim() === '' ? named : call.id;
    for (let more = 1; taken.has(id); more++) id = more === 1 ? named : `${named}_${more}`;
    taken.add(id);
    return { ...call, id };
  });
}
