import { inject } from 'vitest';
import { type TemporalSettings } from '@pegasus-workflows/kit';
import { type TEST_NAMESPACES } from './provided.js';

/** How to reach the Temporal of this test run. Never stopped by a test: others are on it. */
export function testTemporal(
  namespace: 'default' | (typeof TEST_NAMESPACES)[number] = 'default',
): TemporalSettings {
  return { ...inject('temporal'), namespace };
}

/** The same as environment variables, for a process that a test starts. */
export function testTemporalEnv(namespace?: Parameters<typeof testTemporal>[0]): Record<string, string> {
  const settings = testTemporal(namespace);
  return { TEMPORAL_ADDRESS: settings.address, TEMPORAL_NAMESPACE: settings.namespace };
}
