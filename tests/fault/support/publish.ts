import { join } from 'node:path';
import { type Workflow } from '@pegasus-workflows/contracts';
import { type PegasusClient } from 'pegasus-workflows-sdk/client';
import { publishProject, type PublishOptions } from '../../support/publish.js';

const FIXTURES = join(import.meta.dirname, '..', 'fixtures');

/** Packages a workflow of the project `name` of `fixtures/` and publishes it. */
export function publishFixture(
  client: PegasusClient,
  name: string,
  options: PublishOptions = {},
): Promise<Workflow> {
  return publishProject(client, join(FIXTURES, name), options);
}
