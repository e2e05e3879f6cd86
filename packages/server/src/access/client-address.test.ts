import { describe, expect, it } from 'vitest';
import { clientAddress } from './client-address.js';

describe('the address of a caller', () => {
  it.each([
    ['no proxy is trusted, whatever a header says', '10.0.0.1', '1.1.1.1', 0, '10.0.0.1'],
    ['one proxy: the last entry', '10.0.0.1', '6.6.6.6, 1.1.1.1', 1, '1.1.1.1'],
    ['two proxies: the last but one', '10.0.0.1', '6.6.6.6, 1.1.1.1, 10.0.0.2', 2, '1.1.1.1'],
    ['IPv6', '::1', '2001:db8::1', 1, '2001:db8::1'],
    ['fewer entries than proxies', '10.0.0.1', '1.1.1.1', 2, '10.0.0.1'],
    ['no header', '10.0.0.1', undefined, 1, '10.0.0.1'],
    ['an entry that is no address', '10.0.0.1', '1.1.1.1, <script>', 1, '10.0.0.1'],
    ['no connection at all', null, undefined, 1, null],
  ])('%s', (_name, peer, header, proxies, expected) => {
    expect(clientAddress(peer, header, proxies)).toBe(expected);
  });
});
