import { type OpenAPIHono } from '@hono/zod-openapi';
import { type AppEnv } from './context.js';
import { type Stoppable } from './periodic.js';

/** A part of the platform: its calls, and what it does by itself. */
export interface Capability {
  /** Declares its routes with `addRoute`. */
  mount(app: OpenAPIHono<AppEnv>): void;
  /** Starts its background work; called once, when the server listens. */
  start?(): Stoppable;
}
