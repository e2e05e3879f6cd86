import {
  apiKeySchema,
  auditEntrySchema,
  createdApiKeySchema,
  createdTenantSchema,
  dataOf,
  listOf,
  memberSchema,
  quotaUseSchema,
  tenantSchema,
  whoAmISchema,
  type AddMemberRequest,
  type ApiKey,
  type AuditEntry,
  type AuditQuery,
  type CreateApiKeyRequest,
  type CreatedApiKey,
  type CreatedTenant,
  type CreateTenantRequest,
  type Member,
  type QuotaUse,
  type RotateApiKeyRequest,
  type Tenant,
  type UpdateMemberRequest,
  type UpdateTenantRequest,
  type WhoAmI,
} from '@pegasus-workflows/contracts';
import type { CallOptions } from './options.js';
import type { Transport } from './transport.js';

const MEMBERS = '/api/v1/members';
const KEYS = '/api/v1/keys';
const TENANTS = '/api/v1/tenants';

/** Which page of a list, newest first. */
export interface Page {
  /** At most 200. */
  limit?: number | undefined;
  /** Id of the last row of the previous page. */
  before?: string | undefined;
}

export interface KeysQuery extends Page {
  memberId?: string | undefined;
  /** Those that work no more, too. */
  all?: boolean | undefined;
}

/** Who makes the calls: tenant, member, key, and what it may do. */
export async function whoAmI(transport: Transport, options: CallOptions = {}): Promise<WhoAmI> {
  return (await transport.json(get('/api/v1/whoami'), dataOf(whoAmISchema), options)).data;
}

/** The limits of the caller's tenant, and what is used of each. */
export async function quotas(transport: Transport, options: CallOptions = {}): Promise<QuotaUse> {
  return (await transport.json(get('/api/v1/quotas'), dataOf(quotaUseSchema), options)).data;
}

/** People and service accounts of the tenant. */
export class MembersApi {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  async list(page: Page = {}, options: CallOptions = {}): Promise<Member[]> {
    return (await this.#transport.json(get(MEMBERS, { ...page }), listOf(memberSchema), options)).data;
  }

  /** Adds a person by e-mail address, or a service account by name. */
  async add(request: AddMemberRequest, options: CallOptions = {}): Promise<Member> {
    const call = { method: 'POST', path: MEMBERS, body: request, repeatable: false } as const;
    return (await this.#transport.json(call, dataOf(memberSchema), options)).data;
  }

  /** Sets roles, disables or enables; what is not named stays. The member's keys follow at once. */
  async update(memberId: string, request: UpdateMemberRequest, options: CallOptions = {}): Promise<Member> {
    const call = { method: 'PATCH', path: at(MEMBERS, memberId), body: request, repeatable: true } as const;
    return (await this.#transport.json(call, dataOf(memberSchema), options)).data;
  }

  /** Removes a member and revokes its keys. */
  async remove(memberId: string, options: CallOptions = {}): Promise<void> {
    await this.#transport.empty(
      { method: 'DELETE', path: at(MEMBERS, memberId), repeatable: false },
      options,
    );
  }
}

/** API keys of the tenant's members. A key itself is in the answer that made it, and nowhere else. */
export class KeysApi {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  async list(query: KeysQuery = {}, options: CallOptions = {}): Promise<ApiKey[]> {
    return (await this.#transport.json(get(KEYS, { ...query }), listOf(apiKeySchema), options)).data;
  }

  /** Not repeated by itself: an answer that was lost leaves a key that nobody knows, to be revoked. */
  async create(request: CreateApiKeyRequest, options: CallOptions = {}): Promise<CreatedApiKey> {
    const call = { method: 'POST', path: KEYS, body: request, repeatable: false } as const;
    return (await this.#transport.json(call, dataOf(createdApiKeySchema), options)).data;
  }

  /** Makes a key that takes over; the old one works until the overlap ends. */
  async rotate(
    keyId: string,
    request: RotateApiKeyRequest = {},
    options: CallOptions = {},
  ): Promise<CreatedApiKey> {
    const path = `${at(KEYS, keyId)}/rotate`;
    const call = { method: 'POST', path, body: request, repeatable: false } as const;
    return (await this.#transport.json(call, dataOf(createdApiKeySchema), options)).data;
  }

  /** Revokes a key, from the next call on. */
  async revoke(keyId: string, options: CallOptions = {}): Promise<void> {
    await this.#transport.empty({ method: 'DELETE', path: at(KEYS, keyId), repeatable: true }, options);
  }
}

/** The caller's own tenant; for a key of the platform tenant, all of them. */
export class TenantsApi {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** The caller's own. */
  async own(options: CallOptions = {}): Promise<Tenant> {
    return (await this.#transport.json(get('/api/v1/tenant'), dataOf(tenantSchema), options)).data;
  }

  async list(page: Page = {}, options: CallOptions = {}): Promise<Tenant[]> {
    return (await this.#transport.json(get(TENANTS, { ...page }), listOf(tenantSchema), options)).data;
  }

  async get(tenantId: string, options: CallOptions = {}): Promise<Tenant> {
    return (await this.#transport.json(get(at(TENANTS, tenantId)), dataOf(tenantSchema), options)).data;
  }

  /** Makes a tenant and the first key of its administrator. After a lost answer, {@link createAdminKey} makes another. */
  async create(request: CreateTenantRequest, options: CallOptions = {}): Promise<CreatedTenant> {
    const call = { method: 'POST', path: TENANTS, body: request, repeatable: false } as const;
    return (await this.#transport.json(call, dataOf(createdTenantSchema), options)).data;
  }

  async update(tenantId: string, request: UpdateTenantRequest, options: CallOptions = {}): Promise<Tenant> {
    const call = { method: 'PATCH', path: at(TENANTS, tenantId), body: request, repeatable: true } as const;
    return (await this.#transport.json(call, dataOf(tenantSchema), options)).data;
  }

  /** A further key of the tenant's administrator, for one that was lost. */
  async createAdminKey(tenantId: string, options: CallOptions = {}): Promise<CreatedApiKey> {
    const path = `${at(TENANTS, tenantId)}/admin-key`;
    const call = { method: 'POST', path, repeatable: false } as const;
    return (await this.#transport.json(call, dataOf(createdApiKeySchema), options)).data;
  }
}

/** Who did what, newest first. */
export class AuditApi {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** One page; `before` is the `seq` of the last entry of the previous one. */
  async list(query: Partial<AuditQuery> = {}, options: CallOptions = {}): Promise<AuditEntry[]> {
    const call = get('/api/v1/audit', { ...query });
    return (await this.#transport.json(call, listOf(auditEntrySchema), options)).data;
  }
}

function get(path: string, query: Record<string, string | number | boolean | undefined> = {}) {
  const given = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== undefined) given.set(name, String(value));
  const text = given.toString();
  return { method: 'GET', path: text === '' ? path : `${path}?${text}`, repeatable: true } as const;
}

function at(base: string, id: string): string {
  return `${base}/${encodeURIComponent(id)}`;
}
