import { type Action, type Mutation, type Role } from '@pegasus-workflows/contracts';
import { type Logger } from '@pegasus-workflows/kit';
import { type Registry } from 'prom-client';
import { type ArtifactVerifier } from './artifact-verifier.js';
import { type ArtifactStore } from './artifacts.js';
import { type BlobFiles } from './blob-files.js';
import { type Database } from './database.js';
import { type ServerSettings } from './settings.js';
import { type TemporalPort } from './temporal.js';
import { type Vault } from './vault.js';
import { type EagerTasks } from '../internal/eager-tasks.js';
import { type PayloadBlobStore } from '../payload-blobs/blobs.js';
import { type PayloadKeyring } from '../payload-keys/keyring.js';

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

/** An API key as it is stored, with what its principal and its tenant are. */
export interface KeyRow {
  id: string;
  /** SHA-256 of the key, hex. */
  hash: string;
  tenantId: string;
  principalId: string;
  roles: Role[];
  expiresAt: Date | null;
  revokedAt: Date | null;
  /** What the key may do at most; null: no limit. */
  principalRoles: Role[] | null;
  principalDisabledAt: Date | null;
  principalRemovedAt: Date | null;
  isPlatform: boolean;
  tenantDisabledAt: Date | null;
}

/** An attempt that was refused; see `access/refusals.ts`. */
export interface Refusal {
  /** Null when no tenant can be told from the call. */
  tenantId: string | null;
  actorKind: 'KEY' | 'EXECUTION' | 'ANONYMOUS';
  principalId: string | null;
  keyId: string | null;
  executionId: string | null;
  /** The action that the call needed. */
  action: string | null;
  code: string;
  /** Null where one entry stands for attempts of several kinds. */
  method: string | null;
  /** The route's pattern; null where no route is. */
  route: string | null;
  ip: string | null;
  correlationId: string;
}

/** An act that changes no row of its own, about to be done by the current actor. */
export interface Act {
  tenantId: string;
  /** Such as `cancel`. */
  operation: string;
  /** Such as `executions`. */
  objectKind: string | null;
  objectId: string | null;
}

/** The part of the audit log that code writes; the rest is the database's own doing. */
export interface AuditPort {
  /** Resolves when the act is in the log: only then may it be done. */
  recordAct(act: Act): Promise<void>;
  /** Returns at once; alike refusals become one row. */
  refused(refusal: Refusal): void;
  /** Resolves when every refusal so far is in the log, or could not be written. */
  flush(): Promise<void>;
}

/** Finds a key's row by its SHA-256; `undefined` when there is none. */
export type FindKey = (hash: string) => Promise<KeyRow | undefined>;

/** What every capability is handed: the ports to the outside, the settings and the clock. */
export interface Services {
  db: Database;
  /** The rows of API keys, remembered where that is safe; see `access/key-cache.ts`. */
  findKey: FindKey;
  /** Told of every use of a key. */
  keyUsage: { note(keyId: string, at: Date): void };
  /** Where acts and refusals are recorded that no table shows. */
  audit: AuditPort;
  artifacts: ArtifactStore;
  verifier: ArtifactVerifier;
  temporal: TemporalPort;
  /** Seals what must not be readable at rest. */
  vault: Vault;
  /** What payloads in Temporal are encrypted with. */
  payloadKeys: PayloadKeyring;
  eagerTasks: EagerTasks;
  /** Payloads that are too large for Temporal. */
  payloadBlobs: PayloadBlobStore;
  /** Where their bytes are. */
  blobFiles: BlobFiles;
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
    /** The caller as they are now, for calls that last. Rejects with UNAUTHENTICATED once their key works no more. */
    authenticateAgain: () => Promise<Principal>;
    /** Writes an act to the audit log before it is done. */
    recordAct: AuditPort['recordAct'];
    /** The address that the call comes from; null where there is none, as in tests. */
    ip: string | null;
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
