import pLimit from 'p-limit';
import { passOn } from '../egress/pass-on.js';
import { fail, type WorkerRoute } from '../egress/worker-http.js';

/** Where the server has a tenant's blob, and what it is asked with. */
export type BlobTarget = (tenantId: string, sha256: string) => { url: URL; headers: Record<string, string> };

/** Transfers of one worker under way; the others wait their turn. */
const AT_ONCE = 8;

/**
 * `PUT` and `GET /blobs/<sha256>`: large payloads of the worker's own tenant, whatever it asks for, passed on to the server
 * as they come. Nothing that the worker says goes along but the bytes and their length.
 */
export function blobRoute(tenantId: string, target: BlobTarget): WorkerRoute {
  const inTurn = pLimit(AT_ONCE);
  return {
    prefix: '/blobs/',
    handle: async (request, response, { pathname }) => {
      const sha256 = /^\/blobs\/([0-9a-f]{64})$/.exec(pathname)?.[1];
      if (sha256 === undefined || (request.method !== 'GET' && request.method !== 'PUT')) {
        fail(response, { status: 400, code: 'ENOENT', message: 'There is no such blob here.' }, 404);
        return;
      }
      const { url, headers } = target(tenantId, sha256);
      const length = request.headers['content-length'];
      const sent = { ...headers, ...(length === undefined ? {} : { 'content-length': length }) };
      await inTurn(() => passOn(request, response, url, { headers: sent }));
    },
  };
}
