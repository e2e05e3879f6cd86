import { proxyActivities } from '@temporalio/workflow';

const { hoard, die } = proxyActivities({
  startToCloseTimeout: '10s',
  heartbeatTimeout: '1s',
  retry: { initialInterval: '100ms', maximumInterval: '100ms' },
});

export async function bomb({ input }) {
  await (input.how === 'memory' ? hoard() : die());
}
