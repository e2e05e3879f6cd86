import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EngineError } from './engine.js';
import { askedToWaitMs, backoffMs, REAL_CLOCK, withRetries, type Failure, type RetryClock } from './retry.js';

const NOW = Date.UTC(2026, 10, 22, 10);

describe('askedToWaitMs', () => {
  it.each<[Record<string, string>, number | undefined]>([
    [{}, undefined],
    [{ 'retry-after': '0' }, 0],
    [{ 'retry-after': '120' }, 120_000],
    [{ 'retry-after': ' 7 ' }, 7_000],
    [{ 'retry-after': '1.5' }, 1_500],
    [{ 'retry-after-ms': '850' }, 850],
    [{ 'retry-after-ms': '0.2' }, 1],
    // The more exact one holds; one that cannot be read is as none.
    [{ 'retry-after-ms': '20', 'retry-after': '1' }, 20],
    [{ 'retry-after-ms': 'soon', 'retry-after': '1' }, 1_000],
    [{ 'retry-after': 'Sun, 22 Nov 2026 10:00:09 GMT' }, 9_000],
    [{ 'retry-after': 'Sun, 22 Nov 2026 09:59:09 GMT' }, 0],
    [{ 'retry-after': 'Sun, 99 Nov 2026 10:00:09 GMT' }, undefined],
    [{ 'retry-after': '2026-11-22T10:00:09Z' }, undefined],
    [{ 'retry-after': '-1' }, undefined],
    [{ 'retry-after': '1e3' }, undefined],
    [{ 'retry-after': 'Infinity' }, undefined],
    [{ 'retry-after': '' }, undefined],
  ])('%j', (headers, ms) => expect(askedToWaitMs(headers, NOW)).toBe(ms));

  it('never answers what cannot be waited for', () => {
    const text = fc.oneof(fc.string(), fc.double().map(String), fc.date().map(String));
    fc.assert(
      fc.property(text, text, (seconds, exact) => {
        const ms = askedToWaitMs({ 'retry-after': seconds, 'retry-after-ms': exact }, NOW);
        expect(ms === undefined || (Number.isSafeInteger(ms) && ms >= 0)).toBe(true);
      }),
    );
  });
});

it('backs off to 30 s, with jitter of at most half', () => {
  fc.assert(
    fc.property(fc.nat(2_000), fc.double({ min: 0, max: 1, noNaN: true }), (retry, random) => {
      const ceiling = Math.min(30_000, 500 * 2 ** Math.min(retry, 16));
      expect(backoffMs(retry, random)).toBeGreaterThanOrEqual(ceiling / 2);
      expect(backoffMs(retry, random)).toBeLessThanOrEqual(ceiling);
    }),
  );
});

describe('withRetries', () => {
  const failed = (more: Partial<Failure> & { wasRefused?: boolean } = {}): { failure: Failure } => ({
    failure: { error: new EngineError('It failed.', more.wasRefused ?? true), isTransient: true, ...more },
  });
  /** Waits take no time; they are written down. */
  function clockOf(): RetryClock & { waits: number[] } {
    let now = 0;
    const waits: number[] = [];
    const wait = (ms: number): Promise<void> => {
      waits.push(ms);
      now += ms;
      return Promise.resolve();
    };
    return { waits, wait, now: () => now, random: () => 1 };
  }
  const policy = { maxRetries: 3, budgetMs: 60_000 };
  const signal = new AbortController().signal;

  it('waits as it was asked to, else longer each time', async () => {
    const clock = clockOf();
    const tries = [failed(), failed({ retryAfterMs: 7 }), failed(), { value: 'done' }];
    const run = withRetries(() => Promise.resolve(tries.shift()!), { policy, clock, signal });
    expect([await run, clock.waits]).toEqual(['done', [500, 7, 2_000]]);
  });

  it.each([
    ['the number of tries', { policy, timeoutMs: 1e9 }, 20, 4, /It failed\. It was tried 4 times\./],
    ['the policy', { policy: { maxRetries: 9, budgetMs: 50 } }, 20, 3, /in 0\.1 s, and 0\.1 s are left/],
    ['the time that is left', { policy, timeoutMs: 50 }, 20, 3, /in 0\.1 s, and 0\.1 s are left/],
    ['a wait that is longer than all of it', { policy, timeoutMs: 50 }, 60_001, 1, /in 60\.1 s, and/],
  ])('is bounded by %s', async (_, limits, asked, tries, message) => {
    const clock = clockOf();
    let tried = 0;
    const attempt = (): Promise<{ failure: Failure }> => {
      tried += 1;
      return Promise.resolve(failed({ retryAfterMs: asked }));
    };
    await expect(withRetries(attempt, { clock, signal, ...limits })).rejects.toThrow(message);
    expect([tried, clock.waits.length]).toEqual([tries, tries - 1]);
  });

  it('is refused only if every try was', async () => {
    const last = async (...tries: { failure: Failure }[]): Promise<unknown> => {
      const options = { policy: { ...policy, maxRetries: tries.length - 1 }, clock: clockOf(), signal };
      return withRetries(() => Promise.resolve(tries.shift()!), options).catch((error: unknown) => error);
    };
    expect(await last(failed(), failed())).toMatchObject({ wasRefused: true });
    expect(await last(failed({ wasRefused: false }), failed())).toMatchObject({ wasRefused: false });
  });

  it('does not try again what would fail again', async () => {
    const clock = clockOf();
    const run = withRetries(() => Promise.resolve(failed({ isTransient: false })), { policy, clock, signal });
    await expect(run).rejects.toThrow(/^It failed\.$/);
    expect(clock.waits).toEqual([]);
  });

  it("rejects with the signal's reason the moment it is aborted", async () => {
    const controller = new AbortController();
    const reason = new Error('enough');
    const attempt = (): Promise<{ failure: Failure }> => {
      queueMicrotask(() => controller.abort(reason));
      return Promise.resolve(failed({ retryAfterMs: 50_000 }));
    };
    const options = { policy, clock: REAL_CLOCK, signal: controller.signal };
    await expect(withRetries(attempt, options)).rejects.toBe(reason);
    await expect(withRetries(attempt, options)).rejects.toBe(reason);
  });
});
