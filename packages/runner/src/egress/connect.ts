import { lookup } from 'node:dns/promises';
import { connect, isIP, type LookupFunction, type Socket } from 'node:net';
import { PegasusError } from '@pegasus-workflows/contracts';
import { checkAddresses, type EgressPolicy } from '@pegasus-workflows/kit/egress';

const CONNECT_TIMEOUT_MS = 15_000;
/** A host as a URL may have it. No user name, path or port can be smuggled in. */
const HOST = /^[A-Za-z0-9._:-]{1,253}$/;

/** Opens connections to where tenant code may go. */
export type Connect = (host: string, port: number) => Promise<Socket>;

/**
 * A connection to a host that the platform's policy allows, to an address that was checked and to no other: the name
 * is resolved here, once. Plain text is not refused: what goes over the connection is the tenant's own.
 *
 * @param host a name or an address, without brackets
 * @throws PegasusError EXTERNAL_ADDRESS_REFUSED or VALIDATION_ERROR; what the system says when no connection comes about
 */
export function egressConnect(policy: EgressPolicy): Connect {
  const resolve = policy.resolve ?? resolveNow;
  return async (host, port) => {
    if (!HOST.test(host) || !Number.isInteger(port) || port < 1 || port > 65_535)
      throw new PegasusError('VALIDATION_ERROR', 'The destination is not a host and a port.');
    const url = urlOf(host, port);
    const addresses = isIP(host) ? [host] : await resolve(host);
    checkAddresses({ ...policy, plainHttp: true }, url, addresses);
    return open(host, port, addresses);
  };
}

function urlOf(host: string, port: number): URL {
  try {
    return new URL(`https://${isIP(host) === 6 ? `[${host}]` : host}:${port}/`);
  } catch {
    throw new PegasusError('VALIDATION_ERROR', 'The destination is not a host and a port.');
  }
}

async function resolveNow(host: string): Promise<string[]> {
  return (await lookup(host, { all: true })).map(({ address }) => address);
}

function open(host: string, port: number, addresses: readonly string[]): Promise<Socket> {
  const all = addresses.map((address) => ({ address, family: isIP(address) }));
  const pinned: LookupFunction = (_name, _options, done) => done(null, all);
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, lookup: pinned, autoSelectFamily: true, allowHalfOpen: true });
    socket.setTimeout(CONNECT_TIMEOUT_MS, () =>
      socket.destroy(Object.assign(new Error(`connect ETIMEDOUT ${host}:${port}`), { code: 'ETIMEDOUT' })),
    );
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.setTimeout(0);
      socket.removeListener('error', reject);
      socket.on('error', () => socket.destroy());
      resolve(socket);
    });
  });
}
