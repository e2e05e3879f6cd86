import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { checkAddresses, checkUrl, type EgressPolicy } from '@pegasus-workflows/kit/egress';

/**
 * Tells a person at once that a URL will be refused, instead of after the first run has ended. Every call is
 * checked again, against the addresses it connects to.
 *
 * Throws VALIDATION_ERROR, EXTERNAL_ADDRESS_REFUSED. A host that has no address at present passes: it may be set up next.
 */
export async function checkDestination(text: string, policy: EgressPolicy): Promise<void> {
  const url = new URL(text);
  const host = checkUrl(url);
  const addresses = isIP(host) ? [host] : await (policy.resolve ?? systemLookup)(host).catch(() => []);
  if (addresses.length > 0) checkAddresses(policy, url, addresses);
}

async function systemLookup(host: string): Promise<string[]> {
  return (await lookup(host, { all: true })).map(({ address }) => address);
}
