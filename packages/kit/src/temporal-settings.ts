import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { parseEnv, secretFromEnv } from './settings.js';

/** How to reach a Temporal cluster. The variable names are those of Temporal's own environment configuration. */
export interface TemporalSettings {
  /** `host:port` of the frontend. */
  address: string;
  namespace: string;
  tls: boolean;
  serverName?: string;
  serverRootCaPath?: string;
  clientCertPath?: string;
  clientKeyPath?: string;
  apiKey?: string;
}

const flag = z
  .enum(['true', 'false', '1', '0'])
  .transform((value) => value === 'true' || value === '1')
  .optional();

const envSchema = z.object({
  TEMPORAL_ADDRESS: z.string().regex(/^[^\s/]+:\d{1,5}$/, 'must be host:port, such as 127.0.0.1:7233'),
  TEMPORAL_NAMESPACE: z.string().min(1).default('default'),
  TEMPORAL_TLS: flag,
  TEMPORAL_TLS_SERVER_NAME: z.string().optional(),
  TEMPORAL_TLS_SERVER_CA_CERT_PATH: z.string().optional(),
  TEMPORAL_TLS_CLIENT_CERT_PATH: z.string().optional(),
  TEMPORAL_TLS_CLIENT_KEY_PATH: z.string().optional(),
});

/** Reads TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, TEMPORAL_TLS*, TEMPORAL_API_KEY (or TEMPORAL_API_KEY_FILE). */
export function parseTemporalSettings(env: NodeJS.ProcessEnv = process.env): TemporalSettings {
  const parsed = parseEnv(envSchema, env);
  const apiKey = secretFromEnv('TEMPORAL_API_KEY', env);
  const optional = {
    serverName: parsed.TEMPORAL_TLS_SERVER_NAME,
    serverRootCaPath: parsed.TEMPORAL_TLS_SERVER_CA_CERT_PATH,
    clientCertPath: parsed.TEMPORAL_TLS_CLIENT_CERT_PATH,
    clientKeyPath: parsed.TEMPORAL_TLS_CLIENT_KEY_PATH,
    apiKey,
  };
  const given = Object.fromEntries(Object.entries(optional).filter(([, value]) => value !== undefined));
  const impliesTls = apiKey !== undefined || parsed.TEMPORAL_TLS_CLIENT_CERT_PATH !== undefined;
  return {
    address: parsed.TEMPORAL_ADDRESS,
    namespace: parsed.TEMPORAL_NAMESPACE,
    tls: parsed.TEMPORAL_TLS ?? impliesTls,
    ...given,
  };
}

/** The part of `Connection.connect` and `NativeConnection.connect` options that both take. */
export interface TemporalConnectionOptions {
  address: string;
  apiKey?: string;
  tls?: {
    serverNameOverride?: string;
    serverRootCACertificate?: Buffer;
    clientCertPair?: { crt: Buffer; key: Buffer };
  };
}

/** Turns settings into connection options, reading certificate files now, so that a missing one fails at start. */
export function temporalConnectionOptions(settings: TemporalSettings): TemporalConnectionOptions {
  const options: TemporalConnectionOptions = { address: settings.address };
  if (settings.apiKey !== undefined) options.apiKey = settings.apiKey;
  if (!settings.tls) return options;
  options.tls = {};
  if (settings.serverName) options.tls.serverNameOverride = settings.serverName;
  if (settings.serverRootCaPath)
    options.tls.serverRootCACertificate = readFileSync(settings.serverRootCaPath);
  if (settings.clientCertPath && settings.clientKeyPath) {
    options.tls.clientCertPair = {
      crt: readFileSync(settings.clientCertPath),
      key: readFileSync(settings.clientKeyPath),
    };
  }
  return options;
}
