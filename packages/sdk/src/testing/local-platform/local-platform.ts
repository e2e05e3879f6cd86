import { randomUUID } from 'node:crypto';
import {
  RUNTIME_ACTIONS,
  RUNTIME_VARIABLES,
  type Action,
  type Dispatch,
  type Mutation,
  type Projection,
} from '@pegasus-workflows/contracts';
import type { FetchLike } from '../../client/options.js';
import { PegasusClient } from '../../client/pegasus-client.js';
import { LocalAgents, type LocalAgentsOptions } from './agents.js';
import { LocalEvents, type LocalEvent, type LocalEventType } from './events.js';
import { externalCallRoutes, type LocalConnection } from './external-calls.js';
import { LocalProjections, type LocalProjection } from './projections.js';
import { answerLocally, type LocalRoute } from './router.js';
import { withScope } from './scope.js';
import { LocalSmsProvider, type LocalSms, type LocalSmsOptions } from './sms.js';
import { storedValueRoutes, type LocalValues } from './stored-values.js';

export interface LocalPlatformOptions {
  /** Secrets that are set. */
  secrets?: LocalValues | undefined;
  /** Configuration values that are set. */
  configs?: LocalValues | undefined;
  /** Projections that are there. */
  projections?: readonly LocalProjection[] | undefined;
  /** The tenant's own event types; the built-in ones are always there. */
  eventTypes?: readonly (string | LocalEventType)[] | undefined;
  /** Who wants no messages; `false`: the tenant has no provider, and cannot send any. */
  sms?: LocalSmsOptions | false | undefined;
  /** What stands in for the outside APIs that activities call through connections, by the connection's name. */
  connections?: Readonly<Record<string, LocalConnection>> | undefined;
  /** What becomes of dispatches of coding agents; by default each ships. */
  agents?: LocalAgentsOptions | undefined;
  /** What the manifest declares as `required_actions`; default: all that a run may do. Any other call is a 403. */
  requiredActions?: readonly Action[] | undefined;
  /** Changes nothing, answers as if it had, and tells activities so. Default false. */
  dryRun?: boolean | undefined;
  /** The platform's clock; default the wall's. */
  now?: (() => Date) | undefined;
}

/**
 * A platform in memory, for activities under test: it answers the calls that a running execution may make, with the
 * schemas and the failures of the real one. No server, no port; nothing to close.
 */
export function createLocalPlatform(options: LocalPlatformOptions = {}): LocalPlatform {
  return new LocalPlatform(options);
}

/**
 * Job: what activities read and change through `PegasusClient.fromRuntime()`, kept in memory for a test to look at.
 *
 * Boundary: the calls of running executions, below `fetch`; what a person or another program does is the options' to
 * say. Events start nothing, no agent works, and no message leaves the process.
 *
 * Invariants
 * 1. A call is checked as the server checks it: token, action, path, query, body, in this order.
 * 2. Every call that changes something is in `mutations`, as a dry run on the platform records it.
 * 3. In a dry run nothing else is changed.
 */
export class LocalPlatform {
  /** In the order of the calls. In a dry run what would have been changed, else what was. */
  readonly mutations: Mutation[] = [];
  readonly dryRun: boolean;
  /** Where the client believes the platform to be; no network knows this name. */
  readonly url = 'http://local-platform.invalid';
  /** Answers a request to {@link url} as the platform would. */
  readonly fetch: FetchLike;
  readonly #token = randomUUID();
  readonly #actions: ReadonlySet<Action>;
  readonly #agents: LocalAgents;
  readonly #events: LocalEvents;
  readonly #projections: LocalProjections;
  readonly #sms: LocalSmsProvider;
  readonly #routes: readonly LocalRoute[];

  constructor(options: LocalPlatformOptions) {
    const { secrets = {}, configs = {}, eventTypes = [], dryRun = false, now = () => new Date() } = options;
    this.dryRun = dryRun;
    const mayEver = new Set<Action>(RUNTIME_ACTIONS);
    this.#actions = new Set((options.requiredActions ?? RUNTIME_ACTIONS).filter((one) => mayEver.has(one)));
    this.#agents = new LocalAgents(options.agents ?? {}, now);
    this.#events = new LocalEvents({ types: eventTypes, now });
    this.#projections = new LocalProjections({ given: options.projections ?? [], now });
    this.#sms = new LocalSmsProvider(options.sms);
    this.#routes = [
      ...storedValueRoutes(secrets, configs),
      ...this.#events.routes,
      ...this.#projections.routes,
      ...this.#sms.routes,
      ...this.#agents.routes,
      ...externalCallRoutes(options.connections ?? {}),
    ];
    this.fetch = (url, init) => this.#answer(new Request(url, init));
  }

  /** What was emitted, in order. */
  get events(): LocalEvent[] {
    return this.#events.emitted;
  }

  /** The text messages that were sent, in order; they left nowhere. */
  get sms(): LocalSms[] {
    return this.#sms.sent;
  }

  /** The tasks that coding agents were given, in order, and how far each is; nobody works on them. */
  get dispatches(): Dispatch[] {
    return this.#agents.dispatched;
  }

  /** Every projection as it is now, by name. */
  get projections(): Projection[] {
    return this.#projections.all;
  }

  /** A client of this platform for the test itself, with the rights of an activity. */
  client(): PegasusClient {
    return new PegasusClient({ baseUrl: this.url, token: this.#token, fetch: this.fetch });
  }

  /** Runs `work` as if it were an activity on this platform: `PegasusClient.fromRuntime()` inside finds it. */
  run<T>(work: () => T): T {
    const env = {
      [RUNTIME_VARIABLES.baseUrl]: this.url,
      [RUNTIME_VARIABLES.token]: this.#token,
      ...(this.dryRun ? { [RUNTIME_VARIABLES.dryRun]: '1' } : {}),
    };
    return withScope({ env, fetch: this.fetch }, work);
  }

  #answer(request: Request): Promise<Response> {
    return answerLocally(this.#routes, request, {
      token: this.#token,
      dryRun: this.dryRun,
      actions: this.#actions,
      record: (mutation) => void this.mutations.push(mutation),
    });
  }
}
