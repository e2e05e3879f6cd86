import { relative } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { mostTokens } from '../budgets/estimate.js';
import { exitCodeOf } from '../tools/bash.js';
import { type CommandEnd, type CommandLine } from './acp-terminals.js';
import { runAcpAgent, type AcpAnswer } from './acp.js';
import { recap } from './acp-recap.js';
import { EngineError, type Conversation, type Message, type ToolCall, type Turn } from './engine.js';
import { type Programs } from './programs.js';

/**
 * Job: one process of an agent, from its prompt to its answer, cut into turns: one ends when the agent asks for something.
 *
 * Boundary: what it asks for becomes calls of tools; their results, which come with the next turn, are what it is answered.
 * The protocol is `acp.ts`'s.
 *
 * Invariants
 * 1. Whatever it asks for is handed out once, and answered with what has come of that very call.
 * 2. What it is given to read was read by a call of ours before, so that it does not write over what it has not seen.
 * 3. What is told of a turn's tokens is never less than what was said in it; all turns together have what the agent counts.
 */
export interface AcpAgent {
  /** As the price table has it. */
  model: string;
  command: string;
  args?: readonly string[];
  env?: Readonly<Record<string, string>>;
  /** Folders of programs that it needs besides the system's, absolute. */
  folders?: readonly string[];
  /** Names of the only hosts that it may connect to. */
  hosts?: readonly string[];
  /** Puts up its walls; without it, it is a plain process of this user. */
  programs?: Programs | undefined;
  /** As of {@link AcpRun}. Milliseconds. */
  graceMs?: number;
  /** A process that nobody has asked for so long is ended. Milliseconds. */
  idleMs?: number;
}

const LONGEST_MS = 2_147_483_647;
const IDLE_MS = 15 * 60_000;

/** What the agent waits for. */
interface Wanted {
  calls: readonly ToolCall[];
  /** Results, one for each call. */
  settle: (results: readonly Result[]) => void;
  /** There will be none. */
  giveUp: (error: Error) => void;
}
type Result = Extract<Message, { role: 'tool' }>;

export class AcpSession {
  readonly #ending = new AbortController();
  #answer: Promise<AcpAnswer> | undefined;
  #wanted: Wanted[] = [];
  #handedOut: Wanted[] = [];
  #onWanted: () => void = () => undefined;
  #said = '';
  #calls = 0;
  /** Messages that it has heard, the last answer of its own included. */
  #heard = 0;
  #isBusy = false;
  #told = { in: 0, out: 0 };
  #idle: NodeJS.Timeout | undefined;
  readonly #read = new Set<string>();

  /** @param onIdle nobody has asked it for long */
  constructor(
    private readonly agent: AcpAgent,
    private readonly conversation: Conversation,
    private readonly onIdle: () => void,
  ) {}

  /** Whether nothing was said but what it has asked for. */
  isAt(messages: readonly Message[]): boolean {
    const results = this.#handedOut.flatMap(({ calls }) => calls);
    if (this.#isBusy || this.#ending.signal.aborted || this.#answer === undefined) return false;
    if (messages.length !== this.#heard + results.length) return false;
    return results.every(({ id }) => messages.some((one) => one.role === 'tool' && one.toolCallId === id));
  }

  /** Rejects with {@link EngineError}, or with the signal's reason; the session is of no use then. */
  async turn(messages: readonly Message[], signal: AbortSignal): Promise<Turn> {
    clearTimeout(this.#idle);
    this.#isBusy = true;
    const news = this.#answer === undefined ? this.#begin(messages) : this.#settle(messages);
    const aborted = new Promise<never>((_, reject) => {
      const stop = (): void => reject(signal.reason as Error);
      if (signal.aborted) stop();
      else signal.addEventListener('abort', stop, { once: true });
    });
    // The race may be over by then.
    aborted.catch(() => undefined);
    const wanted = new Promise<'wanted'>((resolve) => (this.#onWanted = () => resolve('wanted')));
    if (this.#wanted.length > 0) this.#onWanted();
    const outcome = await Promise.race([this.#answer!, wanted, aborted]);
    // What it asks for at once comes at once.
    if (outcome === 'wanted') await setImmediate();
    const turn = outcome === 'wanted' ? this.#askingTurn(news) : this.#lastTurn(outcome, news);
    this.#heard = messages.length + 1;
    this.#isBusy = false;
    this.#idle = setTimeout(this.onIdle, this.agent.idleMs ?? IDLE_MS).unref();
    return turn;
  }

  /** Resolves when its process is gone. */
  async end(): Promise<void> {
    clearTimeout(this.#idle);
    const ended = new EngineError('The agent was ended.');
    this.#ending.abort(ended);
    for (const { giveUp } of [...this.#wanted, ...this.#handedOut]) giveUp(ended);
    await this.#answer?.catch(() => undefined);
  }

  /** @returns what it is told */
  #begin(messages: readonly Message[]): string {
    const { model: _, folders, hosts, programs, idleMs: __, ...agent } = this.agent;
    const { root, denied } = this.conversation;
    const prompt = recap(messages);
    this.#answer = runAcpAgent({
      ...agent,
      cwd: root,
      prompt,
      timeoutMs: LONGEST_MS,
      signal: this.#ending.signal,
      launch: programs && ((program) => programs.start({ ...program, root, denied, folders, hosts })),
      handlers: {
        onUpdate: (update) => {
          if (update.sessionUpdate === 'tool_call' && this.#said !== '') this.#said += '\n\n';
          if (update.sessionUpdate === 'agent_message_chunk' && update.content.type === 'text')
            this.#said += update.content.text;
        },
        // What it does itself changes nothing, and what it asks of us is judged when it asks for it.
        onPermission: () => 'allow',
        readTextFile: (path, line, limit) => this.#readFile(path, line, limit),
        writeTextFile: (path, content) => this.#writeFile(path, content),
        runCommand: (line) => this.#runCommand(line),
      },
    });
    // It is waited for in a race that may be over by then.
    this.#answer.catch(() => undefined);
    return prompt;
  }

  /** Invariant 1. @returns what it is told */
  #settle(messages: readonly Message[]): string {
    const results = new Map(
      messages.flatMap((one) => (one.role === 'tool' ? [[one.toolCallId, one] as const] : [])),
    );
    const told: string[] = [];
    for (const { calls, settle } of this.#handedOut.splice(0)) {
      const own = calls.map(({ id }) => results.get(id)!);
      told.push(...own.map(({ content }) => content));
      settle(own);
    }
    return told.join('\n');
  }

  #askingTurn(news: string): Turn {
    this.#handedOut = this.#wanted.splice(0);
    const toolCalls = this.#handedOut.flatMap(({ calls }) => calls);
    const text = this.#take();
    const said = toolCalls.map((call) => call.arguments).join('\n');
    return { text, toolCalls, usage: this.#count(news, text + said), finish: 'tool_calls' };
  }

  #lastTurn({ text, stopReason, usage }: AcpAnswer, news: string): Turn {
    if (stopReason === 'cancelled') throw new EngineError('The agent has cancelled its work by itself.');
    const last = this.#take() || text || (stopReason === 'refusal' ? 'The agent has refused the task.' : '');
    const counted = this.#count(news, last);
    // Invariant 3.
    const missing = (kind: 'in' | 'out'): number => Math.max(0, (usage?.[kind] ?? 0) - this.#told[kind]);
    const whole = { in: counted.in + missing('in'), out: counted.out + missing('out') };
    const isWhole = stopReason === 'end_turn' || stopReason === 'refusal';
    return { text: last, toolCalls: [], usage: whole, finish: isWhole ? 'stop' : 'length' };
  }

  #take(): string {
    const said = this.#said;
    this.#said = '';
    return said;
  }

  #count(news: string, said: string): { in: number; out: number } {
    const counted = { in: mostTokens(news), out: mostTokens(said) };
    this.#told = { in: this.#told.in + counted.in, out: this.#told.out + counted.out };
    return counted;
  }

  /** Invariant 2. */
  async #readFile(path: string, line = 1, limit?: number): Promise<string> {
    const inside = this.#inside(path);
    const [result] = await this.#want(['read', { path: inside, offset: Math.max(1, line), limit: 1 }]);
    if (result!.failed) throw new Error(result!.content);
    const text = await this.conversation.readText(inside);
    this.#read.add(inside);
    if (line <= 1 && limit === undefined) return text;
    const lines = text.split('\n');
    return lines.slice(Math.max(0, line - 1), limit === undefined ? undefined : line - 1 + limit).join('\n');
  }

  async #writeFile(path: string, content: string): Promise<void> {
    const inside = this.#inside(path);
    // One that it has seen by itself, on its own mount.
    const seen: Want[] = this.#read.has(inside) ? [] : [['read', { path: inside, limit: 1 }]];
    const results = await this.#want(...seen, ['write', { path: inside, content }]);
    const { failed, content: said } = results.at(-1)!;
    if (failed) throw new Error(said);
    this.#read.add(inside);
  }

  async #runCommand(line: CommandLine): Promise<CommandEnd> {
    const cwd = line.cwd === undefined ? '' : this.#inside(line.cwd);
    const [result] = await this.#want(['bash', { command: shellLine(line, cwd) }]);
    const { content: output, failed } = result!;
    return { output, exitCode: failed ? 1 : exitCodeOf(output) };
  }

  #inside(path: string): string {
    return relative(this.conversation.root, path) || '.';
  }

  #want(...wants: Want[]): Promise<readonly Result[]> {
    const calls = wants.map(([name, given]) => ({
      id: `acp_${(this.#calls += 1)}`,
      name,
      arguments: JSON.stringify(given),
    }));
    return new Promise((settle, giveUp) => {
      this.#wanted.push({ calls, settle, giveUp });
      this.#onWanted();
    });
  }
}

type Want = [name: string, given: object];

/** A line of bash for what an agent wants to run. */
export function shellLine({ command, args, env }: CommandLine, cwd: string): string {
  const line = args.length === 0 ? command : [command, ...args].map(quotedForShell).join(' ');
  const variables = Object.entries(env).map(([name, value]) => `export ${name}=${quotedForShell(value)}`);
  const moved = cwd === '' || cwd === '.' ? [] : [`cd ${quotedForShell(cwd)}`];
  return [...moved, ...variables, line].join(' && ');
}

function quotedForShell(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
