import { EngineError, type Conversation, type Engine, type Turn, type TurnRequest } from './engine.js';
import { AcpSession, type AcpAgent } from './acp-session.js';

/**
 * Job: any agent of the Agent Client Protocol as a model that is asked turn by turn.
 *
 * Boundary: which conversation has a process, and what one is told that begins. What goes on in it is `acp-session.ts`'s,
 * its walls are those of `Programs`.
 *
 * Invariants
 * 1. The agent sees the workspace and changes nothing in it: what it writes and what it runs it asks for, by the
 *    protocol, and each is a call of one of our tools, which is judged, written down and made as any model's.
 * 2. A conversation has one process at most; it goes on in that one only while nothing was said that it has not heard.
 *    Otherwise it begins anew, with all that was said and done so far.
 * 3. After `end`, or a turn that has failed, nothing of a conversation is left running.
 */
export function acpEngine(agent: AcpAgent): Engine {
  return new AcpEngine(agent);
}

class AcpEngine implements Engine {
  readonly #sessions = new Map<string, AcpSession>();
  readonly conversations = {
    end: (id: string): Promise<void> => this.#end(id),
    endAll: async (): Promise<void> => {
      await Promise.all([...this.#sessions.keys()].map((id) => this.#end(id)));
    },
  };

  constructor(private readonly agent: AcpAgent) {}

  get model(): string {
    return this.agent.model;
  }

  async turn(request: TurnRequest, signal: AbortSignal): Promise<Turn> {
    const { conversation } = request;
    if (!conversation)
      throw new Error('an agent of the Agent Client Protocol needs to know the conversation');
    signal.throwIfAborted();
    const session = await this.#sessionFor(conversation, request);
    try {
      return await session.turn(request.messages, signal);
    } catch (error) {
      // Invariant 3.
      await this.#end(conversation.id);
      if (error instanceof EngineError || signal.aborted) throw error;
      throw new EngineError(error instanceof Error ? error.message : String(error));
    }
  }

  /** Invariant 2. */
  async #sessionFor(conversation: Conversation, { messages }: TurnRequest): Promise<AcpSession> {
    const { id } = conversation;
    const open = this.#sessions.get(id);
    if (open?.isAt(messages)) return open;
    await this.#end(id);
    const begun = new AcpSession(this.agent, conversation, () => void this.#end(id));
    this.#sessions.set(id, begun);
    return begun;
  }

  async #end(id: string): Promise<void> {
    const session = this.#sessions.get(id);
    if (!session) return;
    await session.end();
    if (this.#sessions.get(id) === session) this.#sessions.delete(id);
  }
}
