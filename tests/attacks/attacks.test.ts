/**
 * Attacks from inside of a published artifact, on a platform as it is built: a hostile tenant's code runs where everybody's
 * does, and an honest neighbour's run is started during each attack and completes. The attacks are in
 * `fixtures/hostile/hostile/attacks`; they tell what they saw, and the tests here judge it.
 */
import { afterAll, beforeAll } from 'vitest';
import { MINUTE, stage } from './stage.js';

beforeAll(() => stage.open(), 3 * MINUTE);
afterAll(() => stage.close());

await import('./walls/files.js');
await import('./walls/processes.js');
await import('./walls/network.js');
await import('./walls/gateway.js');
await import('./walls/commands.js');
await import('./walls/tokens.js');
await import('./walls/workflow-context.js');
await import('./walls/artifacts.js');
await import('./walls/resources.js');
