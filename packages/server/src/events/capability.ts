import { type ExecutionEngine } from '../executions/engine.js';
import { type Capability } from '../infra/capability.js';
import { type Services } from '../infra/context.js';
import { DeadLetters } from './dead-letters.js';
import { EventDispatcher } from './dispatcher.js';
import { EventLog } from './log.js';
import { PayloadSchemas } from './payload-schemas.js';
import { mountEvents } from './routes.js';
import { Events } from './service.js';
import { EventTypes } from './types-service.js';

/** Event types, events and what they start; `events` and `dispatcher` are for other emitters. */
export interface EventsCapability extends Capability {
  readonly events: Events;
  readonly dispatcher: EventDispatcher;
}

/** Puts the parts together; nothing runs yet. */
export function eventsCapability(services: Services, engine: ExecutionEngine): EventsCapability {
  const { settings, metrics } = services;
  const logger = services.logger.child({ area: 'events' });
  const schemas = new PayloadSchemas();
  const dispatcher = new EventDispatcher({
    ...services,
    logger,
    metrics,
    engine,
    workflowsEnabled: settings.workflowsEnabled,
  });
  const events = new Events({ services, admission: engine.admission, schemas, dispatcher });
  const calls = {
    types: new EventTypes(services, schemas),
    events,
    log: new EventLog(services.db),
    deadLetters: new DeadLetters(services, dispatcher),
  };
  return {
    events,
    dispatcher,
    mount: (app) => mountEvents(app, calls),
    start: () => {
      const dispatching = dispatcher.start();
      return { stop: async () => void (await Promise.all([dispatching.stop(), schemas.close()])) };
    },
  };
}
