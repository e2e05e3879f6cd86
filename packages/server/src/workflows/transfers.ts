import { LIMITS, PegasusError } from '@pegasus-workflows/contracts';
import { type OpenAPIHono } from '@hono/zod-openapi';
import { type Context } from 'hono';
import { z } from 'zod';
import { type AppEnv, type Services } from '../infra/context.js';
import { addRoute } from '../infra/http.js';
import { receiveUpload } from './publish.js';
import { checkDownloadUrl, checkUploadUrl, DOWNLOAD_PATH, UPLOAD_PATH } from './signed-urls.js';

const ZIP = 'application/zip';

/** The presigned transfers: no key, because the URL itself is the permission. */
export function registerTransfers(app: OpenAPIHono<AppEnv>, services: Services): void {
  addRoute(
    app,
    {
      method: 'put',
      path: UPLOAD_PATH,
      action: 'public',
      summary: 'Upload an artifact to a presigned URL',
      request: { params: z.object({ workflowId: z.string() }) },
      errors: [
        'UPLOAD_URL_INVALID',
        'CONFLICT',
        'LENGTH_REQUIRED',
        'PAYLOAD_TOO_LARGE',
        'UNSUPPORTED_MEDIA_TYPE',
      ],
      responses: { 204: { description: 'Uploaded' } },
    },
    async ({ c, params }) => {
      const { sizeBytes } = checkUploadUrl(
        services.settings,
        params.workflowId,
        c.req.query(),
        services.clock(),
      );
      requireUploadHeaders(c, sizeBytes);
      const body = c.req.raw.body ?? new ReadableStream({ start: (controller) => controller.close() });
      await receiveUpload(services, params.workflowId, body, sizeBytes);
      return c.body(null, 204);
    },
  );
  addRoute(
    app,
    {
      method: 'get',
      path: DOWNLOAD_PATH,
      action: 'public',
      summary: 'Download an artifact from a presigned URL',
      request: { params: z.object({ sha256: z.string(), filename: z.string() }) },
      errors: ['FORBIDDEN'],
      responses: { 200: { description: 'The zip', contentType: ZIP } },
    },
    async ({ c, params: { sha256, filename } }) => {
      checkDownloadUrl(services.settings, sha256, filename, c.req.query(), services.clock());
      const artifact = await services.artifacts.read(sha256);
      if (!artifact) throw new PegasusError('NOT_FOUND', 'This artifact is not stored any more.');
      c.header('Content-Type', ZIP);
      c.header('Content-Length', String(artifact.sizeBytes));
      c.header('Content-Disposition', `attachment; filename="${filename}"`);
      c.header('Cache-Control', 'private, no-store');
      c.header('ETag', `"${sha256}"`);
      if (c.req.method !== 'HEAD') return c.body(artifact.stream);
      await artifact.stream.cancel();
      return c.body(null);
    },
  );
}

function requireUploadHeaders(c: Context<AppEnv>, sizeBytes: number): void {
  const length = c.req.header('content-length');
  if (length === undefined) {
    throw new PegasusError('LENGTH_REQUIRED', 'An upload needs a Content-Length header.');
  }
  if (Number(length) > LIMITS.artifactBytes) {
    throw new PegasusError(
      'PAYLOAD_TOO_LARGE',
      `An artifact may have at most ${LIMITS.artifactBytes} bytes (25 MiB).`,
    );
  }
  if (Number(length) !== sizeBytes) {
    throw new PegasusError(
      'VALIDATION_ERROR',
      `Content-Length is ${length}, but the upload URL was made for ${sizeBytes} bytes.`,
    );
  }
  if (c.req.header('content-type')?.split(';')[0]?.trim().toLowerCase() !== ZIP) {
    throw new PegasusError('UNSUPPORTED_MEDIA_TYPE', `An artifact must be sent with Content-Type: ${ZIP}.`);
  }
}
