import { proxyActivities } from '@temporalio/workflow';

const { spin, shout } = proxyActivities({ startToCloseTimeout: '20s', retry: { initialInterval: '100ms' } });

/** For `input.seconds`; of `input.kinds`, both unless it says. */
export async function noise({ input }) {
  const kinds = input.kinds ?? ['spin', 'shout'];
  for (const until = Date.now() + input.seconds * 1_000; Date.now() < until;)
    await Promise.all([kinds.includes('spin') && spin(2_000), kinds.includes('shout') && shout(500)]);
}
