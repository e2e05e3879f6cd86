import { setImmediate as nextTurn } from 'node:timers/promises';
import { type GateReportBody, type IntegrationConfigBody } from '@pegasus-workflows/contracts';
import { gateSteps } from '@pegasus-workflows/integrations';

/** The gate on this machine: what the platform's would say, but for the floor of a configuration that it is laid over. */
export async function runLocalGate(
  body: IntegrationConfigBody,
  update: (detail: string) => void = () => {},
): Promise<GateReportBody> {
  const steps = gateSteps(body);
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
    update(`${step.value.done} of ${step.value.total} cases`);
    await nextTurn();
  }
}
