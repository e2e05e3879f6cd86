/**
 * Job: the MCP server: what it offers, and each call of a tool from its arguments to its result.
 *
 * Boundary: requests that the transport has checked in, results out. What a tool does is in `tools/`, where it may do
 * it in `paths/`.
 *
 * Invariants
 * 1. Nothing is offered that writes over the network.
 * 2. Whatever a tool does, its call is answered, unless it was cancelled; no failure ends the server.
 * 3. A cancelled call stops its work. `settled` resolves when no work is left, cancelled or not.
 * 4. No result and no log line holds a secret that this process knows of.
 */
import { Server } from '@modelcontextprotocol/sdk/server/index.js';
import type { RequestHandlerExtra } from '@modelcontextprotocol/sdk/shared/protocol.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import {
  CallToolRequestSchema,
  ErrorCode,
  ListResourcesRequestSchema,
  ListResourceTemplatesRequestSchema,
  ListToolsRequestSchema,
  McpError,
  ReadResourceRequestSchema,
  type CallToolResult,
  type ServerNotification,
  type ServerRequest,
} from '@modelcontextprotocol/sdk/types.js';
import type { Logger } from '@pegasus-workflows/kit';
import type { Context } from '../context.js';
import { maskKeys } from '../credentials/mask.js';
import { Confinement } from './paths/confine.js';
import { ClientRoots } from './paths/roots.js';
import { listResources, readResource } from './resources.js';
import { TOOLS, type ToolCall } from './tools/index.js';

/** The protocol's code for a resource that is not there. */
const RESOURCE_NOT_FOUND = -32002;

const INSTRUCTIONS = [
  'Pegasus runs durable workflows, written as Temporal TypeScript, that a person publishes.',
  'Read pegasus://guide/authoring before you write workflow code, and pegasus://guide/changes if you learned an older release.',
  'The usual way: scaffold_workflow, edit, validate_manifest, `npm test`, package_project.',
  'Publishing and running are not offered here: ask the person to run `npx pegasus-workflows push` and `run`.',
].join(' ');

type Extra = RequestHandlerExtra<ServerRequest, ServerNotification>;

export class McpServer {
  readonly #server: Server;
  readonly #paths: Confinement;
  readonly #working = new Set<Promise<unknown>>();

  constructor(
    private readonly context: Context,
    private readonly logger: Logger,
    version: string,
  ) {
    this.#server = new Server(
      { name: 'pegasus-workflows', title: 'Pegasus workflows', version },
      { capabilities: { tools: {}, resources: {} }, instructions: INSTRUCTIONS },
    );
    const roots = new ClientRoots(this.#server);
    this.#paths = new Confinement({ cwd: context.cwd, roots: () => roots.list() });
    this.#server.onerror = (error) => logger.warn(maskKeys(error.message).slice(0, 500));
    this.#offerTools();
    this.#offerResources();
  }

  async connect(transport: Transport): Promise<void> {
    await this.#server.connect(transport);
  }

  /** Ends the connection, which cancels what is under way, and waits until it has stopped. */
  async close(): Promise<void> {
    await this.#server.close();
    await this.settled();
  }

  /** Resolves when no tool is at work. */
  async settled(): Promise<void> {
    while (this.#working.size > 0) await Promise.allSettled(this.#working);
  }

  #offerTools(): void {
    this.#server.setRequestHandler(ListToolsRequestSchema, () => ({
      tools: [...TOOLS.values()].map((tool) => tool.definition()),
    }));
    this.#server.setRequestHandler(CallToolRequestSchema, async ({ params }, extra) => {
      const work = this.#call(params.name, params.arguments, extra);
      this.#working.add(work);
      try {
        return await work;
      } finally {
        this.#working.delete(work);
      }
    });
  }

  async #call(name: string, args: unknown, extra: Extra): Promise<CallToolResult> {
    const tool = TOOLS.get(name);
    if (!tool)
      throw new McpError(
        ErrorCode.InvalidParams,
        `Unknown tool. The tools are: ${[...TOOLS.keys()].join(', ')}.`,
      );
    const started = performance.now();
    const result = await tool.call(args, this.#toolCall(extra));
    const ms = Math.round(performance.now() - started);
    const ended = extra.signal.aborted ? 'cancelled' : result.isError ? 'failed' : 'done';
    this.logger.info({ tool: name, ended, ms }, 'tool called');
    return result;
  }

  #toolCall(extra: Extra): ToolCall {
    const progressToken = extra._meta?.progressToken;
    return {
      context: this.context,
      paths: this.#paths,
      signal: extra.signal,
      progress: (progress, total, message) => {
        if (progressToken === undefined) return;
        const params = { progressToken, progress, total, message: maskKeys(message) };
        // A client that is gone is told nothing; the end of its input ends the call.
        extra.sendNotification({ method: 'notifications/progress', params }).catch(() => undefined);
      },
    };
  }

  #offerResources(): void {
    this.#server.setRequestHandler(ListResourcesRequestSchema, () => ({ resources: listResources() }));
    this.#server.setRequestHandler(ListResourceTemplatesRequestSchema, () => ({ resourceTemplates: [] }));
    this.#server.setRequestHandler(ReadResourceRequestSchema, async ({ params: { uri } }) => {
      const contents = await readResource(uri);
      if (contents) return { contents: [contents] };
      const known = listResources().map((resource) => resource.uri);
      throw new McpError(RESOURCE_NOT_FOUND, `Resource not found. The resources are: ${known.join(', ')}.`, {
        uri: uri.slice(0, 500),
      });
    });
  }
}
