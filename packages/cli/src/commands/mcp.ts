import { setTimeout as delay } from 'node:timers/promises';
import { createLogger, onShutdown } from '@pegasus-workflows/kit';
import type { Context } from '../context.js';
import { McpServer } from '../mcp/server.js';
import { StdioTransport, type Sink } from '../mcp/transport/stdio.js';
import { readVersion } from '../version.js';

/** How long calls that came before the end of the input may still take, in milliseconds. */
const LAST_CALLS_MS = 2_000;

/**
 * `mcp`: serves the protocol on standard input and output until the input ends or a signal comes, and then ends the
 * process with 0. Calls that came before the end of the input are answered if they take no longer than
 * {@link LAST_CALLS_MS}; after a signal, work stops at once.
 */
export async function mcp(context: Context): Promise<never> {
  const output = reserveStandardOutput();
  const logger = createLogger('mcp');
  const transport = new StdioTransport(process.stdin, output);
  const server = new McpServer(context, logger, readVersion());
  let lastCallsMs = 0;
  const shutdown = onShutdown(logger, async () => {
    await Promise.race([transport.idle(), delay(lastCallsMs)]);
    await server.close();
  });
  transport.onend = () => {
    lastCallsMs = LAST_CALLS_MS;
    shutdown('the input has ended');
  };
  await server.connect(transport);
  // Ends with the process, by `shutdown`.
  return new Promise<never>(() => undefined);
}

/** From here on only the protocol reaches standard output: what any package prints goes to standard error. */
function reserveStandardOutput(): Sink {
  const { stdout, stderr } = process;
  const write = stdout.write.bind(stdout);
  stdout.write = stderr.write.bind(stderr);
  return { write: (text) => write(text), once: (event, listener) => stdout.once(event, listener) };
}
