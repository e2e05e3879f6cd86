import { type Action, type Mutation, type Role } from '@pegasus-workflows/contracts';
import { type Logger } from '@pegasus-workflows/kit';
import { type Registry } from 'prom-client';
import { type ArtifactVerifier } from './artifact-verifier.js';
import { type ArtifactStore } from './artifacts.js';
import { type Database } from './database.js';
import { type ServerSettings } from './settings.js';
import { type TemporalPort } from './temporal.js';
import { type Vault } from './vault.js';

/** Who makes a call, and what they may do. */
export interface Principal {
  principalId: string;
  tenantId: string;
  /** Whether the tenant is the platform tenant, whose workflows every tenant sees. */
  isPlatformTenant: boolean;
  actions: ReadonlySet<Action>;
  /** The API key of the call; null when a running execution makes it. */
  keyId: string | null;
  /** Set when a running execution makes the call, with its runtime token. */
  execution?: CallingExecution | undefined;
}

/** The execution that a runtime token stands for, as its row has it now. */
export interface CallingExecution {
  id: string;
  workflowId: string;
  /** Its mutations are recorded instead of made. */
  dryRun: boolean;
}

/** An API key as it is stored, with what its tenant is. */
export interface KeyRow {
  id: string;
  tenantId: string;
  principalId: string;
  roles: Role[];
  expiresAt: Date | null;
  revokedAt: Date | null;
  isPlatform: boolean;
}

/** Finds a key's row by its SHA-256; `undefined` when there is none. */
export type FindKey = (hash: string) => Promise<KeyRow | undefined>;

/** What every capability is handed: the ports to the outside, the settings and the clock. */
export interface Services {
  db: Database;
  /** The rows of API keys, remembered where that is safe; see `access/key-cache.ts`. */
  findKey: FindKey;
  artifacts: ArtifactStore;
  verifier: ArtifactVerifier;
  temporal: TemporalPort;
  /** Seals what must not be readable at rest. */
  vault: Vault;
  logger: Logger;
  /** Where every part registers the numbers that `/metrics` shows. */
  metrics: Registry;
  settings: ServerSettings;
  clock: () => Date;
}

/** Hono's types of one request: what the middlewares have put there for the handlers. */
export interface AppEnv {
  Variables: {
    /** Set by `access/middleware.ts` for everything under `/api/v1`. */
    principal: Principal;
    /** Keeps what a dry run would have changed, without the arguments that `mask` names; set with an execution's principal. */
    recordMutation: (mutation: Mutation, mask?: readonly string[]) => Promise<void>;
    /** Tells the run's timeline of a call that its workflow does not declare; set with an execution's principal. */
    noteRefusal: (action: Action) => Promise<void>;
    correlationId: string;
    /** Writes the correlation id with every line. */
    log: Logger;
    /** The pattern of the matched route, such as `/api/v1/workflows/:id`: for logs and metrics. */
    route: string | undefined;
  };
}
