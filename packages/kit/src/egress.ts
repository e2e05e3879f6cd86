import { PegasusError } from '@pegasus-workflows/contracts';
import ipaddr from 'ipaddr.js';

/**
 * Job: where the platform may connect to on behalf of a tenant: the public internet, and what the operator has
 * excepted. Everything that a tenant can name a URL for goes through here.
 *
 * Boundary: pure rules over a URL and the addresses its host has now; resolving and connecting is the caller's (`safe-fetch.ts`, the egress of the runner).
 *
 * Invariants
 * 1. An address that is not a unicast address of the public internet is refused, in every notation and embedding.
 * 2. A host with one refused address is refused, whatever its other addresses are.
 * 3. Only an exception of the operator lifts 1 and 2; plain http is for exceptions too, unless the operator says so.
 * 4. A refusal names the host that was asked for, never an address that it has inside.
 */
export interface EgressPolicy {
  /** What the operator allows beyond the public internet. */
  exceptions: readonly EgressException[];
  /** Whether `http:` is allowed everywhere; otherwise only for exceptions. */
  plainHttp: boolean;
  /** Every address of a host name now; the operating system is asked unless a test says otherwise. */
  resolve?: ((hostname: string) => Promise<string[]>) | undefined;
}

/** An address range, or a host by name, on every port unless one is said. */
export type EgressException =
  | { kind: 'range'; range: [ipaddr.IPv4 | ipaddr.IPv6, number]; port: number | undefined }
  | { kind: 'host'; host: string; port: number | undefined };

const DEFAULT_PORTS: Record<string, number> = { 'http:': 80, 'https:': 443 };
const GLOBAL_UNICAST = ipaddr.IPv6.parseCIDR('2000::/3');
const HOST_NAME = /^(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]{0,62})(\.[a-z0-9_]([a-z0-9_-]{0,62}))*$/;

/**
 * Reads `PEGASUS_EGRESS_ALLOW`: `10.1.0.0/16, crm.internal, 127.0.0.1:8080, [fd00::1]:443`.
 * Throws an Error that names the part that cannot be read.
 */
export function parseEgressExceptions(text: string): EgressException[] {
  const parts = text.split(',').map((part) => part.trim());
  return parts.filter((part) => part !== '').map(parseException);
}

function parseException(text: string): EgressException {
  const cannot = new Error(
    `${JSON.stringify(text)} is neither an address range such as 10.0.0.0/8, nor a host, nor host:port`,
  );
  if (text.includes('/')) {
    if (!ipaddr.isValidCIDR(text)) throw cannot;
    const [address, bits] = ipaddr.parseCIDR(text);
    if (address instanceof ipaddr.IPv4 && !ipaddr.IPv4.isValidFourPartDecimal(text.split('/')[0]!))
      throw cannot;
    return { kind: 'range', range: [address, bits], port: undefined };
  }
  const bare = addressOf(text);
  if (bare) return { kind: 'range', range: [bare, wholeOf(bare)], port: undefined };
  const match = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d{1,5}))?$/.exec(text);
  const host = (match?.[1] ?? match?.[2])?.toLowerCase();
  const port = match?.[3] === undefined ? undefined : Number(match[3]);
  if (host === undefined || (port !== undefined && (port < 1 || port > 65_535))) throw cannot;
  const address = addressOf(host);
  if (address) return { kind: 'range', range: [address, wholeOf(address)], port };
  if (match?.[1] !== undefined || !HOST_NAME.test(host)) throw cannot;
  return { kind: 'host', host: withoutFinalDot(host), port };
}

/** An address in its usual notation; nothing else (`10.1` and `0x7f.1` are not usual). */
function addressOf(text: string): ipaddr.IPv4 | ipaddr.IPv6 | undefined {
  if (ipaddr.IPv4.isValidFourPartDecimal(text)) return ipaddr.IPv4.parse(text);
  return text.includes(':') && ipaddr.IPv6.isValid(text) ? ipaddr.IPv6.parse(text) : undefined;
}

function wholeOf(address: ipaddr.IPv4 | ipaddr.IPv6): number {
  return address.kind() === 'ipv4' ? 32 : 128;
}

/** Whether an address is a unicast address of the public internet (invariant 1). Anything unreadable is not. */
export function isPublicAddress(text: string): boolean {
  const address = ipaddr.isValid(text) ? unwrap(ipaddr.parse(text)) : undefined;
  if (!address || address.range() !== 'unicast') return false;
  // Whatever is outside of 2000::/3 has not been given to anybody: site-local, IPv4-compatible, local NAT64.
  return address instanceof ipaddr.IPv4 || address.match(GLOBAL_UNICAST);
}

/**
 * The IPv4 address inside an IPv4-mapped or a well-known NAT64 address: that is where a connection ends. 6to4 and
 * Teredo carry one too, but are gone from the internet: they are refused as they are.
 */
function unwrap(address: ipaddr.IPv4 | ipaddr.IPv6): ipaddr.IPv4 | ipaddr.IPv6 {
  if (address instanceof ipaddr.IPv4) return address;
  if (address.isIPv4MappedAddress()) return address.toIPv4Address();
  if (address.range() !== 'rfc6052') return address;
  return new ipaddr.IPv4(address.toByteArray().slice(12));
}

/**
 * Checks what does not need the host's addresses. Throws VALIDATION_ERROR for a URL that can never be called.
 * @returns the host without brackets and final dot, as names are compared
 */
export function checkUrl(url: URL): string {
  if (!(url.protocol in DEFAULT_PORTS)) {
    throw new PegasusError(
      'VALIDATION_ERROR',
      'The URL must begin with https:// (or http:// where that is allowed).',
    );
  }
  if (url.username !== '' || url.password !== '') {
    throw new PegasusError(
      'VALIDATION_ERROR',
      'The URL must not hold a user name or password; give them as the authentication of the call.',
    );
  }
  return withoutFinalDot(url.hostname.replace(/^\[|\]$/g, ''));
}

/** Throws EXTERNAL_ADDRESS_REFUSED unless every address may be connected to (invariants 2 to 4). */
export function checkAddresses(policy: EgressPolicy, url: URL, addresses: readonly string[]): void {
  const host = checkUrl(url);
  const port = url.port === '' ? DEFAULT_PORTS[url.protocol]! : Number(url.port);
  const excepted = (address: string): boolean =>
    policy.exceptions.some((exception) => matches(exception, host, port, address));
  if (!addresses.every((address) => excepted(address) || isPublicAddress(address))) {
    throw new PegasusError(
      'EXTERNAL_ADDRESS_REFUSED',
      `The host ${JSON.stringify(host)} is refused: it is not, or not only, on the public internet.`,
      { hint: 'Use a public host, or ask the operator to allow this one in PEGASUS_EGRESS_ALLOW.' },
    );
  }
  if (url.protocol === 'http:' && !policy.plainHttp && !addresses.every(excepted)) {
    throw new PegasusError(
      'EXTERNAL_ADDRESS_REFUSED',
      `The host ${JSON.stringify(host)} is refused over plain http, which anybody on the way can read.`,
      { hint: 'Use https://, or ask the operator to allow this host in PEGASUS_EGRESS_ALLOW.' },
    );
  }
}

function matches(exception: EgressException, host: string, port: number, address: string): boolean {
  if (exception.port !== undefined && exception.port !== port) return false;
  if (exception.kind === 'host') return exception.host === host;
  if (!ipaddr.isValid(address)) return false;
  const inner = unwrap(ipaddr.parse(address));
  const [range, bits] = exception.range;
  if (inner instanceof ipaddr.IPv4) return range instanceof ipaddr.IPv4 && inner.match(range, bits);
  return range instanceof ipaddr.IPv6 && inner.match(range, bits);
}

function withoutFinalDot(host: string): string {
  return host.replace(/\.$/, '');
}
