import {
  agentHostSchema,
  dispatchReportSchema,
  idSchema,
  LIMITS,
  RUNNER_API_PREFIX,
  type DispatchReport,
} from '@pegasus-workflows/contracts';
import { type OpenAPIHono } from '@hono/zod-openapi';
import { z } from 'zod';
import { type AppEnv } from '../infra/context.js';
import { addRoute } from '../infra/http.js';
import { type Hosts } from './hosts.js';

const BASE = `${RUNNER_API_PREFIX}/agents`;
const hostParams = z.object({ hostId: z.string().min(1).max(200) });
const reportParams = z.object({ tenantId: idSchema, id: idSchema });
/** A thousand workspaces and a hundred models, each with a long name. */
const HOST_BYTES = 1024 * 1024;

export interface HostRouteParts {
  hosts: Hosts;
  report: (tenantId: string, id: string, report: DispatchReport) => Promise<void>;
}

/** Mounts what agent hosts call, with the runner token. */
export function mountHosts(app: OpenAPIHono<AppEnv>, { hosts, report }: HostRouteParts): void {
  addRoute(
    app,
    {
      method: 'put',
      path: `${BASE}/hosts/:hostId`,
      action: 'runner',
      summary: 'An agent host is there, and this is all that it offers.',
      request: { params: hostParams, body: agentHostSchema, maxBodyBytes: HOST_BYTES },
      responses: { 204: { description: 'Noted.' } },
    },
    async ({ params: { hostId }, body, c }) => {
      await hosts.heard(hostId, body);
      return c.body(null, 204);
    },
  );
  addRoute(
    app,
    {
      method: 'post',
      path: `${BASE}/dispatches/:tenantId/:id/report`,
      action: 'runner',
      summary: 'What has become of a dispatch. A report that is sent again changes nothing.',
      request: { params: reportParams, body: dispatchReportSchema, maxBodyBytes: LIMITS.runInputBytes },
      responses: { 204: { description: 'Written down.' } },
    },
    async ({ params: { tenantId, id }, body, c }) => {
      await report(tenantId, id, body);
      return c.body(null, 204);
    },
  );
}
