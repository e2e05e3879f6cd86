import { createAccess } from './access/routes.js';
import { createAgents } from './agents/capability.js';
import { createBatches } from './batches/routes.js';
import { eventsCapability } from './events/capability.js';
import { type ExecutionEngine } from './executions/engine.js';
import { createExternal } from './external/routes.js';
import { type Capability } from './infra/capability.js';
import { type Services } from './infra/context.js';
import { createIntegrations } from './integrations/routes.js';
import { createIngress } from './ingress/routes.js';
import { createPayloadKeys } from './payload-keys/routes.js';
import { createProjections } from './projections/routes.js';
import { secretsCapability } from './secrets/capability.js';
import { createSms } from './sms/routes.js';
import { createLogs } from './logs/routes.js';
import { LogReader } from './logs/reader.js';
import { createLive } from './live/routes.js';
import { createTriggers } from './triggers/index.js';
import { createWebhooks } from './webhooks/routes.js';

/** Everything beyond publishing and running; nothing runs yet. A new capability is one more line here. */
export function createCapabilities(services: Services, engine: ExecutionEngine): Capability[] {
  const events = eventsCapability(services, engine);
  const external = createExternal(services);
  const integrations = createIntegrations(services, engine.requirements, events, external.caller);
  const logs = new LogReader(services);
  return [
    createAccess(services),
    events,
    secretsCapability(services),
    createIngress(services, { ...events, inbound: integrations.inbound }),
    external,
    integrations,
    createSms(services),
    createTriggers(services, engine),
    createWebhooks(services),
    createPayloadKeys(services),
    createProjections(services),
    createLogs(services, engine, logs),
    createLive(services, engine, logs),
    createBatches(services, engine),
    createAgents(services, events),
  ];
}
