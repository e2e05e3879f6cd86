import { createReadStream } from 'node:fs';
import { type IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { ARTIFACT_PATHS } from '@pegasus-workflows/contracts';
import { z } from 'zod';
import { passOn } from './pass-on.js';
import { refusalOf, type Refusal } from './refusal.js';
import { type Tunnels } from './tunnels.js';
import { fail, type WorkerRoute } from './worker-http.js';

/** Of an artifact, by the names under which its worker asks for it. */
export const ARTIFACT_FILES = {
  'workflows.js': ARTIFACT_PATHS.workflowBundle,
  'activities.cjs': ARTIFACT_PATHS.activityBundle,
} as const;

const NOTHING: Refusal = { status: 400, code: 'ENOENT', message: 'There is no such artifact here.' };
const reservationSchema = z.strictObject({ host: z.string(), port: z.number().int() });
const MAX_RESERVATION_BYTES = 1_024;

/** The platform's API, and nothing else of the server. */
export function apiRoute(serverUrl: string): WorkerRoute {
  const base = new URL(serverUrl);
  return {
    prefix: '/api/',
    handle: (request, response, { pathname, search }) => {
      const target = new URL(base);
      target.pathname = base.pathname.replace(/\/$/, '') + pathname;
      target.search = search;
      return passOn(request, response, target);
    },
  };
}

/**
 * The files of the artifacts that this worker was told to load, and of no other.
 *
 * @param dirOf where an artifact that it may have lies, by sha256
 */
export function artifactRoute(dirOf: (sha256: string) => string | undefined): WorkerRoute {
  return {
    prefix: '/artifacts/',
    handle: async (_request, response, { pathname }) => {
      const [, sha256 = '', name = ''] = /^\/artifacts\/([0-9a-f]{64})\/([a-z.]+)$/.exec(pathname) ?? [];
      const dir = dirOf(sha256);
      if (dir === undefined || !isArtifactFile(name)) return fail(response, NOTHING, 404);
      response.writeHead(200, { 'content-type': 'application/octet-stream' });
      await pipeline(createReadStream(join(dir, ARTIFACT_FILES[name])), response);
    },
  };
}

function isArtifactFile(name: string): name is keyof typeof ARTIFACT_FILES {
  return Object.hasOwn(ARTIFACT_FILES, name);
}

/**
 * `POST /tunnels/` with `{host, port}` → `{address}`, see {@link Tunnels}; else a refusal with its code.
 *
 * @param refused told of each refusal
 */
export function tunnelRoute(
  tunnels: Tunnels,
  refused: (host: string, refusal: Refusal) => void,
): WorkerRoute {
  return {
    prefix: '/tunnels/',
    handle: async (request, response) => {
      const asked = reservationSchema.safeParse(await readJson(request));
      if (!asked.success)
        return fail(response, { status: 400, code: 'EINVAL', message: 'A tunnel needs a host and a port.' });
      const { host, port } = asked.data;
      try {
        const address = await tunnels.reserve(host, port);
        response.writeHead(200, { 'content-type': 'application/json' });
        response.end(JSON.stringify({ address }));
      } catch (error) {
        const refusal = refusalOf(error, host, port);
        refused(host, refusal);
        fail(response, refusal);
      }
    },
  };
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  let text = '';
  for await (const chunk of request as AsyncIterable<Buffer>) {
    text += chunk.toString('utf8');
    if (text.length > MAX_RESERVATION_BYTES) return undefined;
  }
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
