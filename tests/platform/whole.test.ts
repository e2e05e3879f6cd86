import { existsSync } from 'node:fs';
import { expect, it } from 'vitest';
import { startTestPlatform } from '../support/platform.js';

it('starts the real parts on an embedded Temporal, is ready, and removes itself', async () => {
  const platform = await startTestPlatform({ temporalOf: 'own' });
  try {
    expect(platform.temporal.external).toBe(false);
    expect((await fetch(`${platform.url}/health`)).status).toBe(200);
    expect((await fetch(`${platform.url}/ready`)).status).toBe(200);
    const asTenant = await fetch(`${platform.url}/api/v1/workflows`, {
      headers: { authorization: `Bearer ${platform.tenant.apiKey}` },
    });
    expect(asTenant.status).toBe(200);
  } finally {
    await platform.dispose();
  }
  expect(platform.pids()).toEqual({ temporal: undefined, server: undefined, supervisor: undefined });
  expect(existsSync(platform.dataDir)).toBe(false);
});
