import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  checkAddresses,
  checkUrl,
  isPublicAddress,
  parseEgressExceptions,
  type EgressPolicy,
} from './egress.js';

const policy = (allow = '', plainHttp = false): EgressPolicy => ({
  exceptions: parseEgressExceptions(allow),
  plainHttp,
});
const refused = expect.objectContaining({ code: 'EXTERNAL_ADDRESS_REFUSED' });
const check = (p: EgressPolicy, url: string, ...addresses: string[]) =>
  checkAddresses(p, new URL(url), addresses);

/** First address and length of every range that is not the public internet's. */
const INSIDE: [string, number][] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
];
const dotted = (n: number): string => [24, 16, 8, 0].map((shift) => (n >>> shift) & 255).join('.');
const insideV4 = fc.tuple(fc.constantFrom(...INSIDE), fc.nat(0xffffffff)).map(([[first, bits], random]) => {
  const base = first.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
  return dotted((base + (random % 2 ** (32 - bits))) >>> 0);
});

describe('addresses inside of a network', () => {
  it('are refused in every embedding (invariant 1)', () => {
    fc.assert(
      fc.property(insideV4, (v4) => {
        const [a, b, c, d] = v4.split('.').map((part) => Number(part).toString(16).padStart(2, '0'));
        const hex = `${a}${b}:${c}${d}`;
        for (const address of [
          v4,
          `::ffff:${v4}`,
          `::ffff:${hex}`,
          `::${hex}`,
          `64:ff9b::${hex}`,
          `2002:${hex}::1`,
          `2001:0:${hex}::1`,
          `::ffff:0:${hex}`,
        ])
          expect(isPublicAddress(address), address).toBe(false);
      }),
    );
  });

  it.each([
    '::',
    '::1',
    'fe80::1',
    'fe80::1%eth0',
    'fc00::1',
    'fd12:3456::1',
    'fec0::1',
    'ff02::1',
    '64:ff9b:1::a00:1',
    '2001:db8::1',
    '100::1',
    '2001:20::1',
    '3fff:ffff::zz',
    '',
    'localhost',
  ])('are refused: %s', (address) => expect(isPublicAddress(address)).toBe(false));

  it('are told from public ones', () => {
    for (const address of ['8.8.8.8', '1.1.1.1', '2606:4700::1111', '::ffff:8.8.8.8', '64:ff9b::808:808'])
      expect(isPublicAddress(address), address).toBe(true);
  });

  it('are seen in every notation that a URL has for them', () => {
    for (const host of [
      '0x7f.1',
      '2130706433',
      '0177.0.0.1',
      '127.1',
      '[::ffff:127.0.0.1]',
      '[::1]',
      '①②⑦.0.0.1',
    ]) {
      const url = new URL(`https://${host}/`);
      expect(() => checkAddresses(policy(), url, [checkUrl(url)]), host).toThrow(refused);
    }
  });
});

describe('the policy', () => {
  it('refuses a host for one bad address among good ones (invariant 2)', () => {
    expect(() => check(policy(), 'https://x.test', '8.8.8.8', '10.0.0.1')).toThrow(refused);
    expect(() => check(policy(), 'https://x.test', '8.8.8.8')).not.toThrow();
  });

  it('has exceptions by range, host and port (invariant 3)', () => {
    const allowed = policy('10.1.0.0/16, crm.internal, 127.0.0.1:8080, [fd00::1]:443, other.internal:9000');
    check(allowed, 'https://a.test', '10.1.2.3');
    check(allowed, 'https://a.test', '::ffff:10.1.2.3');
    check(allowed, 'http://CRM.internal.:1234', '192.168.0.1');
    check(allowed, 'http://127.0.0.1:8080', '127.0.0.1');
    check(allowed, 'https://[fd00::1]', 'fd00::1');
    check(allowed, 'http://other.internal:9000', '10.9.9.9');
    for (const [url, address] of [
      ['https://a.test', '10.2.0.1'],
      ['http://127.0.0.1:8081', '127.0.0.1'],
      ['https://crm.internal.evil.test', '192.168.0.1'],
      ['https://[fd00::1]:444', 'fd00::1'],
      ['http://other.internal', '10.9.9.9'],
    ] as const)
      expect(() => check(allowed, url, address), url).toThrow(refused);
  });

  it('keeps plain http for exceptions unless it is allowed everywhere (invariant 3)', () => {
    expect(() => check(policy(), 'http://x.test', '8.8.8.8')).toThrow(/plain http/);
    check(policy('', true), 'http://x.test', '8.8.8.8');
    expect(() => check(policy('', true), 'http://x.test', '127.0.0.1')).toThrow(refused);
  });

  it('names no address that a host has inside (invariant 4)', () => {
    expect(() => check(policy(), 'https://x.test', '10.9.8.7')).not.toThrow(/10\.9\.8\.7/);
  });

  it('refuses other schemes and passwords in the URL', () => {
    for (const url of ['ftp://x.test', 'file:///etc/passwd', 'https://user@x.test', 'https://:pw@x.test'])
      expect(() => checkUrl(new URL(url)), url).toThrow(
        expect.objectContaining({ code: 'VALIDATION_ERROR' }),
      );
  });

  it.each(['10.0.0.0/33', '10.1/8', 'a b', 'http://x', 'x:0', 'x:99999', '[crm.internal]:1', '-x', '::1]'])(
    'cannot be read from %s',
    (text) => expect(() => parseEgressExceptions(text)).toThrow(/neither an address range/),
  );
});
