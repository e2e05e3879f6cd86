import {
  dataOf,
  EXTERNAL_CALL_SECONDS,
  listOf,
  type CallExternalRequest,
  type Connection,
  type ConnectionTest,
  type CreateConnectionRequest,
  type ExternalAnswer,
  type TestConnectionRequest,
  type UpdateConnectionRequest,
} from '@pegasus-workflows/contracts';
import type { CallOptions } from './options.js';
import { readConnection, readConnectionTest, readExternalAnswer } from './schemas.js';
import type { Transport } from './transport.js';

const CONNECTIONS = '/api/v1/external-connections';
/** The server ends the call by itself; this is longer, so that it is the one to say so. */
const CALL_TIMEOUT_MS = (EXTERNAL_CALL_SECONDS + 15) * 1_000;

/** Calls of outside APIs, made by the platform with the credentials of a connection. */
export class ExternalCallsApi {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /**
   * Any status of the other side is an answer. The platform repeats what may be repeated (idempotent methods, calls
   * with an `idempotencyKey`); the client itself repeats nothing.
   * @throws PegasusApiError UPSTREAM_ERROR when no answer came
   */
  async call(request: CallExternalRequest, options: CallOptions = {}): Promise<ExternalAnswer> {
    const call = {
      method: 'POST',
      path: '/api/v1/external-calls',
      body: request,
      repeatable: false,
    } as const;
    const patient = { timeoutMs: CALL_TIMEOUT_MS, ...options };
    return (await this.#transport.json(call, dataOf(readExternalAnswer), patient)).data;
  }
}

/** Which outside APIs workflows may call, and as whom. A connection goes by its id or its name. */
export class ConnectionsApi {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** By name. */
  async list(options: CallOptions = {}): Promise<Connection[]> {
    const call = { method: 'GET', path: CONNECTIONS, repeatable: true } as const;
    return (await this.#transport.json(call, listOf(readConnection), options)).data;
  }

  async get(connection: string, options: CallOptions = {}): Promise<Connection> {
    const call = { method: 'GET', path: pathOf(connection), repeatable: true } as const;
    return (await this.#transport.json(call, dataOf(readConnection), options)).data;
  }

  async create(request: CreateConnectionRequest, options: CallOptions = {}): Promise<Connection> {
    const call = { method: 'POST', path: CONNECTIONS, body: request, repeatable: false } as const;
    return (await this.#transport.json(call, dataOf(readConnection), options)).data;
  }

  /** What is left out stays. */
  async update(
    connection: string,
    request: UpdateConnectionRequest,
    options: CallOptions = {},
  ): Promise<Connection> {
    const call = { method: 'PATCH', path: pathOf(connection), body: request, repeatable: true } as const;
    return (await this.#transport.json(call, dataOf(readConnection), options)).data;
  }

  async delete(connection: string, options: CallOptions = {}): Promise<void> {
    await this.#transport.empty({ method: 'DELETE', path: pathOf(connection), repeatable: false }, options);
  }

  /** Reads from the outside API once, with the credentials, and says how that went. */
  async test(
    connection: string,
    request: TestConnectionRequest = {},
    options: CallOptions = {},
  ): Promise<ConnectionTest> {
    const path = `${pathOf(connection)}/test`;
    const call = { method: 'POST', path, body: request, repeatable: false } as const;
    const patient = { timeoutMs: CALL_TIMEOUT_MS, ...options };
    return (await this.#transport.json(call, dataOf(readConnectionTest), patient)).data;
  }
}

function pathOf(connection: string): string {
  return `${CONNECTIONS}/${encodeURIComponent(connection)}`;
}
