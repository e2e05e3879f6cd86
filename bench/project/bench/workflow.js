import { proxyActivities } from '@temporalio/workflow';

const { step } = proxyActivities({ startToCloseTimeout: '1 minute' });

/** `input.activities` activities, one after the other. */
export async function chain({ input }) {
  let number = 0;
  for (let done = 0; done < input.activities; done += 1) number = await step(number);
  return number;
}
