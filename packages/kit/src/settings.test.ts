import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { parseEnv, secretFromEnv } from './settings.js';
import { parseTemporalSettings, temporalConnectionOptions } from './temporal-settings.js';

describe('parseEnv', () => {
  it('names the variable and never repeats the value', () => {
    const schema = z.object({ PEGASUS_PORT: z.coerce.number().int() });
    expect(() => parseEnv(schema, { PEGASUS_PORT: 'hunter2' })).toThrow(/PEGASUS_PORT: /);
    expect(() => parseEnv(schema, { PEGASUS_PORT: 'hunter2' })).not.toThrow(/hunter2/);
  });
});

describe('secretFromEnv', () => {
  it('prefers the file and drops its trailing newline', () => {
    const file = path.join(mkdtempSync(path.join(tmpdir(), 'kit-')), 'secret');
    writeFileSync(file, 's3cret\n');
    expect(secretFromEnv('KEY', { KEY_FILE: file, KEY: 'other' })).toBe('s3cret');
    expect(secretFromEnv('KEY', { KEY: 'other' })).toBe('other');
    expect(secretFromEnv('KEY', {})).toBeUndefined();
    expect(secretFromEnv('KEY', { KEY: '' })).toBeUndefined();
  });
});

describe('Temporal settings', () => {
  it('needs only an address', () => {
    expect(parseTemporalSettings({ TEMPORAL_ADDRESS: '127.0.0.1:7233' })).toEqual({
      address: '127.0.0.1:7233',
      namespace: 'default',
      tls: false,
    });
  });
  it('turns TLS on with an API key, as Temporal Cloud needs it', () => {
    const settings = parseTemporalSettings({ TEMPORAL_ADDRESS: 'x.tmprl.cloud:7233', TEMPORAL_API_KEY: 'k' });
    expect(settings.tls).toBe(true);
    expect(temporalConnectionOptions(settings)).toEqual({
      address: 'x.tmprl.cloud:7233',
      apiKey: 'k',
      tls: {},
    });
  });
  it.each(['localhost', 'http://localhost:7233', ''])('refuses the address %j', (address) => {
    expect(() => parseTemporalSettings({ TEMPORAL_ADDRESS: address })).toThrow(
      /TEMPORAL_ADDRESS: must be host:port/,
    );
  });
  it('fails at start when a certificate is missing', () => {
    const settings = parseTemporalSettings({
      TEMPORAL_ADDRESS: 'a:1',
      TEMPORAL_TLS: 'true',
      TEMPORAL_TLS_SERVER_CA_CERT_PATH: '/no/such/ca.pem',
    });
    expect(() => temporalConnectionOptions(settings)).toThrow(/ca\.pem/);
  });
});
