import { sleep } from 'pegasus-workflows-sdk/workflow';

export async function nap(): Promise<string> {
  await sleep('1 day');
  return 'rested';
}
