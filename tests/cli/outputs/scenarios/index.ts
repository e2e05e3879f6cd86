import { type Scenario } from '../scenario.js';
import { EVENTS } from './events.js';
import { ACCESS } from './access.js';
import { AGENTS } from './agents.js';
import { CONTROLS } from './controls.js';
import { FIRST_RUN } from './first-run.js';
import { OUTSIDE } from './outside.js';
import { PROJECT } from './project.js';
import { INTEGRATIONS } from './integrations.js';
import { PROJECTIONS } from './projections.js';
import { RUNS } from './runs.js';
import { SECRETS_AND_CONFIGS } from './secrets.js';
import { TRIGGERS } from './triggers.js';
import { WEBHOOKS } from './webhooks.js';
import { WORKFLOWS } from './workflows.js';

/** In this order, on one stage: what one leaves behind the next may use. */
export const SCENARIOS: Scenario[] = [
  ...FIRST_RUN,
  ...PROJECT,
  ...RUNS,
  ...CONTROLS,
  ...WORKFLOWS,
  ...SECRETS_AND_CONFIGS,
  ...PROJECTIONS,
  ...INTEGRATIONS,
  ...EVENTS,
  ...WEBHOOKS,
  ...TRIGGERS,
  ...ACCESS,
  ...OUTSIDE,
  ...AGENTS,
];
