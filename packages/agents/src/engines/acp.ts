import { isAbsolute } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { methods, PROTOCOL_VERSION, RequestError, type ClientConnection } from '@agentclientprotocol/sdk';
import { parseOrRefuse } from '@pegasus-workflows/contracts';
import { z } from 'zod';
import { type Usage } from '../budgets/prices.js';
import { clientOf, type AcpHandlers, type Conversation } from './acp-client.js';
import { AgentProcess, type Launch } from './acp-process.js';
import { messageStream } from './acp-stream.js';
import { EngineError } from './engine.js';
import { quoted, type Discretion } from './words.js';

/**
 * Job: one prompt to an agent that has a loop of its own, over the Agent Client Protocol.
 *
 * Boundary: the protocol and the agent's process. What the agent does by itself, with its own tools, is not seen here and
 * only told of: the sandbox it runs in is what bounds it. What it asks of us the caller's handlers answer.
 *
 * Invariants
 * 1. There is one answer or one error, and by then the agent's process group is gone, whatever it does.
 * 2. It is told to cancel before it is ended.
 * 3. Nothing is handled for it after the end, and nothing that no handler was given for; what a handler reads or writes is
 *    done by then.
 * 4. An error is refused only if the agent was never given the prompt. None repeats the prompt or the environment.
 */
export interface AcpRun {
  command: string;
  args?: readonly string[];
  /** All of its environment, besides PATH, HOME and LANG, which are ours unless they are given. */
  env?: Readonly<Record<string, string>>;
  /** Of the process and of the session. Absolute. */
  cwd: string;
  prompt: string;
  handlers?: AcpHandlers;
  /** How its process is started; a plain one unless given. */
  launch?: Launch | undefined;
  signal?: AbortSignal;
  /** For all of it, from the start of the process. Milliseconds. */
  timeoutMs: number;
  /** How long it may take to heed a cancellation, the end of its input, and a signal; for each. Milliseconds. */
  graceMs?: number;
  /** Bytes of standard output and of standard error that are too many. */
  mostOutputBytes?: number;
  mostErrorBytes?: number;
}

export interface AcpAnswer {
  /** All that it said, in paragraphs where it called tools in between. */
  text: string;
  stopReason: z.output<typeof stopReasonSchema>;
  /** Where the agent tells it, which the stable protocol does not ask of it. */
  usage?: Usage;
}

const runSchema = z.object({
  command: z.string().min(1, 'must not be empty'),
  args: z.array(z.string()).default([]),
  env: z.record(z.string().min(1), z.string()).default({}),
  cwd: z.string().refine(isAbsolute, 'must be absolute'),
  prompt: z.string().min(1, 'must not be empty'),
  timeoutMs: z.number().int().positive('must be positive').max(2_147_483_647),
  graceMs: z.number().int().nonnegative().default(2_000),
  mostOutputBytes: z.number().int().positive().default(134_217_728),
  mostErrorBytes: z.number().int().positive().default(16_777_216),
});

/**
 * Starts an agent, gives it a prompt and answers what it answers.
 * @throws EngineError with one clear sentence, or the signal's reason; PegasusError VALIDATION_ERROR for what is no run
 */
export async function runAcpAgent(run: AcpRun): Promise<AcpAnswer> {
  const options = parseOrRefuse(runSchema, run, 'body');
  const { prompt, env, graceMs, timeoutMs } = options;
  run.signal?.throwIfAborted();
  const timeout = AbortSignal.timeout(timeoutMs);
  const stop = run.signal ? AbortSignal.any([run.signal, timeout]) : timeout;
  // A short value is a word like any other.
  const secrets = Object.values(env).filter((value) => value.length >= 8);
  const discretion = { secrets, texts: [prompt] };
  const agent = await AgentProcess.start({ ...options, launch: run.launch });
  const over = new AbortController();
  const failed = rejection();
  const conversation: Conversation = {
    texts: [],
    working: new Set(),
    over: over.signal,
    fail: failed.reject,
  };
  const say = (line: string): string => quoted(line, discretion);
  const stream = messageStream(agent.stdin, agent.stdout, options.mostOutputBytes, say);
  const connection = clientOf(run.handlers ?? {}, conversation).connect(stream);
  const talk = new Talk(connection, conversation, run.handlers ?? {}, discretion);
  try {
    const talking = talk.prompt(options.cwd, prompt);
    const answered = Promise.race([talking, agent.flooded, failed.promise]);
    const outcome = await Promise.race([answered, abortOf(stop), silence(agent, graceMs)]);
    if (outcome === 'stopped') {
      // Invariant 2. What it still answers is too late.
      over.abort();
      await talk.cancel(talking, agent, graceMs);
      run.signal?.throwIfAborted();
      throw new EngineError(`The agent has not answered within ${timeoutMs} ms.`, !talk.hasPrompted);
    }
    if (outcome === 'silent') throw await talk.endedEarly(agent, graceMs);
    return outcome;
  } catch (error) {
    run.signal?.throwIfAborted();
    if (error instanceof Closed) throw await talk.endedEarly(agent, graceMs);
    if (error instanceof EngineError) throw new EngineError(error.message, !talk.hasPrompted);
    throw error;
  } finally {
    // Invariants 1 and 3.
    over.abort();
    connection.close();
    await agent.end(graceMs);
    await Promise.allSettled(conversation.working);
  }
}

/** The connection has ended, and how is seen by how the process has. */
class Closed extends Error {}

const stopReasonSchema = z.enum(['end_turn', 'max_tokens', 'max_turn_requests', 'refusal', 'cancelled']);
const count = z.number().int().nonnegative();
/** Of the unstable protocol: sums of a session, which has one prompt here. The sum of all kinds is `totalTokens`. */
const usageSchema = z
  .object({
    totalTokens: count,
    inputTokens: count,
    outputTokens: count,
    thoughtTokens: count.nullish(),
    cachedReadTokens: count.nullish(),
  })
  .transform(({ totalTokens, inputTokens, outputTokens, thoughtTokens, cachedReadTokens }): Usage => {
    const out = outputTokens + (thoughtTokens ?? 0);
    return {
      in: Math.max(inputTokens, totalTokens - out),
      out,
      ...(cachedReadTokens ? { cachedIn: cachedReadTokens } : {}),
    };
  });
const initializedSchema = z.object({ protocolVersion: z.number() });
const sessionSchema = z.object({ sessionId: z.string().min(1) });
const promptedSchema = z.object({
  stopReason: stopReasonSchema,
  // An agent that counts in another way is as one that does not count.
  usage: usageSchema.optional().catch(undefined),
});

const SIGN_IN_FIRST = -32_000;

/** What we ask of the agent, and what it answers. */
class Talk {
  hasPrompted = false;

  constructor(
    private readonly connection: ClientConnection,
    private readonly conversation: Conversation,
    private readonly handlers: AcpHandlers,
    private readonly discretion: Discretion,
  ) {}

  async prompt(cwd: string, prompt: string): Promise<AcpAnswer> {
    const { readTextFile, writeTextFile, runCommand } = this.handlers;
    const { protocolVersion } = await this.#ask(initializedSchema, methods.agent.initialize, {
      protocolVersion: PROTOCOL_VERSION,
      clientCapabilities: {
        fs: { readTextFile: readTextFile !== undefined, writeTextFile: writeTextFile !== undefined },
        terminal: runCommand !== undefined,
      },
    });
    if (protocolVersion !== PROTOCOL_VERSION)
      throw new EngineError(
        `The agent speaks version ${protocolVersion} of the Agent Client Protocol, and we speak version ${PROTOCOL_VERSION}.`,
      );
    const { sessionId } = await this.#ask(sessionSchema, methods.agent.session.new, { cwd, mcpServers: [] });
    this.conversation.sessionId = sessionId;
    this.hasPrompted = true;
    const { stopReason, usage } = await this.#ask(promptedSchema, methods.agent.session.prompt, {
      sessionId,
      prompt: [{ type: 'text', text: prompt }],
    });
    // Updates that came before the answer are handed on by then.
    await setImmediate();
    const text = this.conversation.texts.filter((one) => one !== '').join('\n\n');
    return { text, stopReason, ...(usage ? { usage } : {}) };
  }

  /** Waits until it has heeded it, or is gone, or the grace is over. */
  async cancel(talking: Promise<unknown>, agent: AgentProcess, graceMs: number): Promise<void> {
    const { sessionId } = this.conversation;
    if (sessionId === undefined) return;
    const done = talking.then(
      () => undefined,
      () => undefined,
    );
    const sent = this.connection.agent.notify(methods.agent.session.cancel, { sessionId });
    // One that takes no more input is ended all the same.
    await Promise.race([sent.catch(() => undefined).then(() => done), agent.hasExited(graceMs)]);
  }

  /** How the process has ended, or that it only has stopped to speak. */
  async endedEarly(agent: AgentProcess, graceMs: number): Promise<EngineError> {
    const how = (await agent.hasExited(graceMs))
      ? `has ended (${await agent.exited})`
      : 'has closed its output';
    const said = quoted(agent.lastWords, this.discretion);
    return new EngineError(
      `The agent ${how} before it had answered${said && `: ${said}`}.`,
      !this.hasPrompted,
    );
  }

  async #ask<T extends z.ZodType>(schema: T, method: string, params: object): Promise<z.output<T>> {
    let answer: unknown;
    try {
      answer = await this.connection.agent.request<unknown>(method, params);
    } catch (error) {
      if (error instanceof EngineError) throw error;
      if (!(error instanceof RequestError)) throw new Closed();
      if (error.code === SIGN_IN_FIRST)
        throw new EngineError('The agent is not signed in: sign in with its own program first.');
      const said = quoted(error.message, this.discretion);
      throw new EngineError(`The agent answered ${method} with an error${said && `: ${said}`}.`);
    }
    const parsed = schema.safeParse(answer);
    if (parsed.success) return parsed.data;
    throw new EngineError(`The agent answered ${method} with what is no answer to it.`);
  }
}

function abortOf(signal: AbortSignal): Promise<'stopped'> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve('stopped');
    else signal.addEventListener('abort', () => resolve('stopped'), { once: true });
  });
}

/** It is gone, and what it had written is read, although somebody else may hold its output open. */
async function silence(agent: AgentProcess, graceMs: number): Promise<'silent'> {
  await agent.exited;
  await new Promise((resolve) => setTimeout(resolve, graceMs).unref());
  return 'silent';
}

function rejection(): { promise: Promise<never>; reject: (error: unknown) => void } {
  let reject: (error: unknown) => void = () => undefined;
  const promise = new Promise<never>((_, rejectIt) => (reject = rejectIt));
  // It is waited for in a race that may be over by then.
  promise.catch(() => undefined);
  return { promise, reject };
}
