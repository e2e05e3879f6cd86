import { methods, RequestError, type ClientApp } from '@agentclientprotocol/sdk';

/** A command as an agent asks for it. */
export interface CommandLine {
  /** A program, where there are arguments; all of a shell's line where there are none. */
  command: string;
  args: readonly string[];
  env: Readonly<Record<string, string>>;
  /** As the agent gave it: whoever runs this judges it. */
  cwd?: string;
}

/** `exitCode`: null where it was ended from outside. */
export interface CommandEnd {
  output: string;
  exitCode: number | null;
}

export type RunCommand = (line: CommandLine) => Promise<CommandEnd>;

interface Terminal {
  mostBytes: number;
  end: Promise<CommandEnd>;
  ended?: CommandEnd;
}

/**
 * The terminals of the protocol: each is one command, and what it has written is known once it has ended. There is
 * nothing to be ended early: whoever runs commands bounds their time, and a call that would end one waits.
 */
export function offerTerminals(
  app: ClientApp,
  { run, refuseOther }: { run: RunCommand; refuseOther: (sessionId: string) => void },
): void {
  const terminals = new Map<string, Terminal>();
  let count = 0;
  const find = ({ sessionId, terminalId }: { sessionId: string; terminalId: string }): Terminal => {
    refuseOther(sessionId);
    const found = terminals.get(terminalId);
    if (found) return found;
    throw RequestError.invalidParams(undefined, 'terminalId: there is no such terminal');
  };
  app
    .onRequest(methods.client.terminal.create, ({ params }) => {
      const { sessionId, command, args = [], env = [], cwd, outputByteLimit } = params;
      refuseOther(sessionId);
      const terminalId = `terminal-${(count += 1)}`;
      const variables = Object.fromEntries(env.map(({ name, value }) => [name, value]));
      const end = run({ command, args, env: variables, ...(cwd ? { cwd } : {}) });
      const terminal: Terminal = { mostBytes: outputByteLimit ?? Infinity, end };
      // Whoever waits for it is told of a failure.
      end.then(
        (ended) => (terminal.ended = ended),
        () => undefined,
      );
      terminals.set(terminalId, terminal);
      return { terminalId };
    })
    .onRequest(methods.client.terminal.waitForExit, async ({ params }) => {
      const { exitCode } = await find(params).end;
      return { exitCode };
    })
    .onRequest(methods.client.terminal.output, ({ params }) => {
      const { ended, mostBytes } = find(params);
      if (!ended) return { output: '', truncated: false };
      const output = lastBytes(ended.output, mostBytes);
      const truncated = output.length < ended.output.length;
      return { output, truncated, exitStatus: { exitCode: ended.exitCode } };
    })
    .onRequest(methods.client.terminal.kill, async ({ params }) => {
      await find(params).end;
      return {};
    })
    .onRequest(methods.client.terminal.release, ({ params }) => {
      find(params);
      terminals.delete(params.terminalId);
      return {};
    });
}

/** The end of a text, in whole characters. */
function lastBytes(text: string, most: number): string {
  const bytes = Buffer.from(text);
  if (bytes.length <= most) return text;
  let from = bytes.length - most;
  // Not in the middle of a character.
  while (from < bytes.length && (bytes[from]! & 0xc0) === 0x80) from += 1;
  return bytes.subarray(from).toString('utf8');
}
