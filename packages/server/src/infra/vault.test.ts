import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { keyIdOf, openVault, parseMasterKeys, type MasterKeySet } from './vault.js';

const keyOf = (kid: string): MasterKeySet['keys'][number] => ({
  kty: 'oct',
  kid,
  k: randomBytes(32).toString('base64url'),
});
const old = keyOf('old');
const vault = openVault({ keys: [keyOf('new'), old] });
const before = openVault({ keys: [old] });

const MOST = 64 * 1024;
/** Any text that UTF-8 can carry, sometimes as long as a secret may be. */
const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 200 }),
  fc.string({ unit: 'grapheme', maxLength: 200 }),
  fc
    .integer({ min: 0, max: MOST })
    .chain((length) => fc.constantFrom('x', '\0', 'ü', '☃', '\ufeff').map((unit) => unit.repeat(length))),
);
const place = fc.record({
  tenantId: fc.uuid(),
  name: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 }),
});

describe('a sealed value', () => {
  it('opens to what was sealed, at its place, and shows nothing of it before', async () => {
    await fc.assert(
      fc.asyncProperty(place, text, async (at, plain) => {
        const { sealed, masterKeyId } = await vault.seal(at, plain);
        expect([masterKeyId, keyIdOf(sealed)]).toEqual(['new', 'new']);
        expect(await vault.open(at, sealed)).toBe(plain);
        // Shorter ones are in any base64 by chance.
        if (plain.length >= 8) expect(sealed).not.toContain(plain);
      }),
      { numRuns: 60 },
    );
  });

  it('is never the same twice', async () => {
    const at = { tenantId: 't', name: 'secret/global/A' };
    const sealed = await Promise.all(Array.from({ length: 20 }, () => vault.seal(at, 'the same')));
    expect(new Set(sealed.map((one) => one.sealed)).size).toBe(20);
  });

  it('opens nowhere else (invariant 1)', async () => {
    await fc.assert(
      fc.asyncProperty(place, place, text, async (from, to, plain) => {
        fc.pre(from.tenantId !== to.tenantId || from.name !== to.name);
        const { sealed } = await vault.seal(from, plain);
        await expect(vault.open(to, sealed)).rejects.toMatchObject({ code: 'INTERNAL_ERROR' });
      }),
      { numRuns: 30 },
    );
  });

  it('with any character changed opens to nothing, and the message holds nothing of it (invariant 3)', async () => {
    const at = { tenantId: 't', name: 'secret/global/A' };
    const plain = 'the-plain-value';
    const { sealed } = await vault.seal(at, plain);
    await fc.assert(
      fc.asyncProperty(fc.nat(sealed.length - 1), fc.constantFrom('A', 'b', '7', '.'), async (i, other) => {
        const spoiled = sealed.slice(0, i) + other + sealed.slice(i + 1);
        const opened = await vault.open(at, spoiled).catch((error: unknown) => error);
        // Base64 of a length that leaves bits over has several spellings of the same bytes.
        if (typeof opened === 'string') expect(opened).toBe(plain);
        else expect(String(opened)).not.toContain(plain);
      }),
    );
  });

  it('under an older key of the set opens, and under one that is gone says which (invariant 2)', async () => {
    const at = { tenantId: 't', name: 'secret/global/A' };
    const { sealed } = await before.seal(at, 'kept');
    expect(await vault.open(at, sealed)).toBe('kept');
    await expect(openVault({ keys: [keyOf('other')] }).open(at, sealed)).rejects.toMatchObject({
      code: 'SERVICE_UNAVAILABLE',
      message: expect.stringContaining('"old"'),
    });
  });

  it('refuses half of a surrogate pair, without quoting it', async () => {
    const refused = vault.seal({ tenantId: 't', name: 'n' }, `plain-\ud83d`);
    await expect(refused).rejects.toMatchObject({
      code: 'INTERNAL_ERROR',
      message: expect.not.stringContaining('plain'),
    });
  });
});

describe('a key set', () => {
  it('that changes is taken over; a known id with other bytes is refused, and the set stays (invariants 4, 5)', async () => {
    let next: MasterKeySet | undefined;
    const following = openVault({ keys: [old] }, async () => next);
    const at = { tenantId: 't', name: 'n' };
    const newer = keyOf('newer');
    const { sealed } = await openVault({ keys: [newer] }).seal(at, 'from another server');
    next = { keys: [newer, old] };
    // Nobody has told it of the new key: the value itself makes it look.
    expect(await following.open(at, sealed)).toBe('from another server');
    expect(following.currentKeyId).toBe('newer');
    next = { keys: [keyOf('newer')] };
    await expect(following.refresh()).rejects.toThrow(/other bytes/);
    expect(following.keyIds).toEqual(['newer', 'old']);
  });

  it('that cannot be used is refused in words without anything of the keys', () => {
    const short = { kty: 'oct', kid: 'a', k: 'c2hvcnQtc2VjcmV0' };
    for (const given of ['not JSON c2hvcnQ', '{}', { keys: [] }, { keys: [short] }, { keys: [old, old] }]) {
      const written = typeof given === 'string' ? given : JSON.stringify(given);
      const refused = (): unknown => parseMasterKeys(written);
      expect(refused).toThrow(/^the master keys are not/);
      expect(refused).not.toThrow(/c2hvcnQ/);
      expect(refused).not.toThrow(old.k);
    }
  });
});
