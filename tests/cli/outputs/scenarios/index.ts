import { type Scenario } from '../scenario.js';
import { FIRST_RUN } from './first-run.js';
import { OUTSIDE } from './outside.js';
import { PROJECT } from './project.js';
import { RUNS } from './runs.js';
import { WORKFLOWS } from './workflows.js';

/** In this order, on one stage: what one leaves behind the next may use. */
export const SCENARIOS: Scenario[] = [...FIRST_RUN, ...PROJECT, ...RUNS, ...WORKFLOWS, ...OUTSIDE];
