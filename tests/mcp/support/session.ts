import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { CallToolResultSchema, ListRootsRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import { expect } from 'vitest';

export const BIN = fileURLToPath(new URL('../../../packages/cli/dist/bin.js', import.meta.url));
const NODE_MODULES = fileURLToPath(new URL('../../../node_modules', import.meta.url));

export interface SessionOptions {
  env?: Record<string, string>;
  /** Folders the client offers as roots; without it, it offers none. */
  roots?: () => string[];
}

/** A called tool's answer, its text already parsed. */
export interface Told {
  isError: boolean;
  /** The JSON of each text content. */
  texts: unknown[];
  structured: unknown;
}

/** A folder of its own, and the official client in it, connected to the real server over stdio. */
export class Session implements AsyncDisposable {
  /** All that the server has written to standard error. */
  log = '';

  private constructor(
    readonly root: string,
    readonly client: Client,
    readonly transport: StdioClientTransport,
  ) {}

  static async open({ env = {}, roots }: SessionOptions = {}): Promise<Session> {
    const root = await realpath(await mkdtemp(path.join(tmpdir(), 'pegasus-mcp-')));
    const transport = new StdioClientTransport({
      command: process.execPath,
      args: [BIN, 'mcp'],
      cwd: root,
      env: { PATH: process.env['PATH'] ?? '', HOME: path.join(root, 'home'), ...env },
      stderr: 'pipe',
    });
    const client = new Client(
      { name: 'tests', version: '1.0.0' },
      { capabilities: roots ? { roots: { listChanged: true } } : {} },
    );
    if (roots)
      client.setRequestHandler(ListRootsRequestSchema, () => ({
        roots: roots().map((folder) => ({ uri: pathToFileURL(folder).href })),
      }));
    const session = new Session(root, client, transport);
    transport.stderr?.on('data', (chunk: Buffer) => (session.log += chunk.toString('utf8')));
    await client.connect(transport);
    return session;
  }

  /** Calls a tool and checks what the protocol promises of every result. */
  async call(name: string, args: Record<string, unknown> = {}): Promise<Told> {
    return told(
      await this.client.callTool({ name, arguments: args }, CallToolResultSchema, { timeout: 110_000 }),
    );
  }

  /** Makes folders and files below the session's folder; a text is a file, a folder is written with a final `/`. */
  async write(files: Record<string, string>): Promise<void> {
    for (const [file, text] of Object.entries(files)) {
      const place = path.join(this.root, file);
      await mkdir(file.endsWith('/') ? place : path.dirname(place), { recursive: true });
      if (!file.endsWith('/')) await writeFile(place, text);
    }
  }

  /** A scaffolded project that finds the packages of this repository. @returns its folder */
  async project(name: string): Promise<string> {
    const dir = path.join(this.root, name);
    const { isError, texts } = await this.call('scaffold_workflow', { name, dest: dir });
    expect(isError, JSON.stringify(texts)).toBe(false);
    await symlink(NODE_MODULES, path.join(dir, 'node_modules'));
    return dir;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client.close();
    await rm(this.root, { recursive: true, force: true });
  }
}

/** A result in the form that tests compare. */
export function told(result: unknown): Told {
  const { content, structuredContent, isError } = CallToolResultSchema.parse(result);
  const texts = content.map((part) => {
    if (part.type !== 'text') throw new Error(`content of type ${part.type}`);
    return JSON.parse(part.text) as unknown;
  });
  return { isError: isError === true, texts, structured: structuredContent };
}

/** The failure that a tool told, in the shape of the command line. */
export function failureOf({ isError, texts, structured }: Told): Record<string, unknown> {
  expect({ isError, structured, count: texts.length }).toEqual({
    isError: true,
    structured: undefined,
    count: 1,
  });
  return texts[0] as Record<string, unknown>;
}
