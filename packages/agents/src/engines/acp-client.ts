import {
  client,
  methods,
  RequestError,
  type ClientApp,
  type PermissionOption,
  type SessionUpdate,
  type ToolCallUpdate,
} from '@agentclientprotocol/sdk';
import { printableLine } from '@pegasus-workflows/contracts/agents';
import { messageOf } from '../error-text.js';
import { offerTerminals, type RunCommand } from './acp-terminals.js';

/** What an agent may ask of us. It is told only of what is there. */
export interface AcpHandlers {
  /**
   * What is said of a call that the agent asks about; without it, no to all. `allow` is for this one call, whatever else
   * the agent offers. The signal is aborted when nobody waits for the answer any more.
   */
  onPermission?: (
    toolCall: ToolCallUpdate,
    signal: AbortSignal,
  ) => 'allow' | 'reject' | Promise<'allow' | 'reject'>;
  /**
   * @param path as the agent gave it, absolute by the protocol: whoever handles this judges it
   * @param line where to begin, from 1
   * @param limit how many lines at most
   * @throws an error whose message the agent is told
   */
  readTextFile?: (path: string, line?: number, limit?: number) => Promise<string>;
  /** As for reading. */
  writeTextFile?: (path: string, content: string) => Promise<void>;
  /** Runs a command line to its end; as for reading. */
  runCommand?: RunCommand;
  /** Called with each update, in order. */
  onUpdate?: (update: SessionUpdate) => void;
}

/** What is known of the conversation, as it goes on. */
export interface Conversation {
  sessionId?: string;
  /** What the agent has said: one text between each two calls of tools. */
  texts: string[];
  /** Aborted at its end: nothing is handled after it. */
  over: AbortSignal;
  /** Reading and writing that is under way. */
  working: Set<Promise<unknown>>;
  /** Ends it with an error that is not the agent's. */
  fail: (error: unknown) => void;
}

/** Our side of the protocol. */
export function clientOf(handlers: AcpHandlers, conversation: Conversation): ClientApp {
  const { readTextFile, writeTextFile, runCommand } = handlers;
  const { over } = conversation;
  const app = client({ name: 'pegasus' })
    .onNotification(methods.client.session.update, ({ params: { sessionId, update } }) => {
      if (over.aborted || sessionId !== conversation.sessionId) return;
      hear(conversation, update);
      try {
        handlers.onUpdate?.(update);
      } catch (error) {
        conversation.fail(error);
      }
    })
    .onRequest(methods.client.session.requestPermission, async ({ params, signal }) => {
      refuseOther(conversation, params.sessionId);
      const broken = AbortSignal.any([signal, over]);
      const asking = async (): Promise<'allow' | 'reject'> =>
        (await handlers.onPermission?.(params.toolCall, broken)) ?? 'reject';
      const answer = await Promise.race([asking(), aborted(broken)]).catch(toldTo);
      const optionId = optionOf(params.options, answer);
      return {
        outcome: optionId === undefined ? { outcome: 'cancelled' } : { outcome: 'selected', optionId },
      };
    });
  if (readTextFile)
    app.onRequest(methods.client.fs.readTextFile, async ({ params: { sessionId, path, line, limit } }) => {
      refuseOther(conversation, sessionId);
      const reading = readTextFile(path, line ?? undefined, limit ?? undefined);
      return { content: await noted(conversation, reading).catch(toldTo) };
    });
  if (writeTextFile)
    app.onRequest(methods.client.fs.writeTextFile, async ({ params: { sessionId, path, content } }) => {
      refuseOther(conversation, sessionId);
      await noted(conversation, writeTextFile(path, content)).catch(toldTo);
    });
  if (runCommand)
    offerTerminals(app, {
      run: (line) => noted(conversation, runCommand(line)).catch(toldTo),
      refuseOther: (sessionId) => refuseOther(conversation, sessionId),
    });
  return app;
}

async function noted<T>({ working }: Conversation, work: Promise<T>): Promise<T> {
  working.add(work);
  try {
    return await work;
  } finally {
    working.delete(work);
  }
}

function hear({ texts }: Conversation, update: SessionUpdate): void {
  if (update.sessionUpdate === 'tool_call') texts.push('');
  if (update.sessionUpdate !== 'agent_message_chunk' || update.content.type !== 'text') return;
  texts.push(`${texts.pop() ?? ''}${update.content.text}`);
}

function refuseOther({ sessionId, over }: Conversation, asked: string): void {
  if (over.aborted || asked !== sessionId)
    throw RequestError.invalidParams(undefined, 'sessionId: there is no such session');
}

/**
 * The option for this call alone. One that holds for all later ones would decide what nobody was asked about; where there
 * is no other, a yes is none.
 */
function optionOf(
  options: readonly PermissionOption[],
  answer: 'allow' | 'reject' | undefined,
): string | undefined {
  const ofKind = (kind: PermissionOption['kind']): string | undefined =>
    options.find((option) => option.kind === kind)?.optionId;
  if (answer === 'allow') return ofKind('allow_once') ?? ofKind('reject_once');
  return answer === 'reject' ? (ofKind('reject_once') ?? ofKind('reject_always')) : undefined;
}

function aborted(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(undefined);
    else signal.addEventListener('abort', () => resolve(undefined), { once: true });
  });
}

/** The agent's answer to what it asked for: one line, without a stack. */
function toldTo(error: unknown): never {
  const message = printableLine(messageOf(error));
  throw new RequestError(-32_603, message || 'It failed.');
}
