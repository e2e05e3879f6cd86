import { type ExecutionEngine } from './executions/engine.js';
import { type Capability } from './infra/capability.js';
import { type Services } from './infra/context.js';
import { createTriggers } from './triggers/index.js';

/** Everything beyond publishing and running; nothing runs yet. A new capability is one more line here. */
export function createCapabilities(services: Services, engine: ExecutionEngine): Capability[] {
  return [createTriggers(services, engine)];
}
