import { describe, expect, it } from 'vitest';
import { WORKER_EXIT } from '../protocol.js';
import { causeOf, CrashLedger, suspectsOf } from './crash-ledger.js';

/** Cites the invariants of `crash-ledger.ts`. */
const LIMITS = { crashes: 3, windowMs: 60_000 };
const NOBODY = { loading: [], onProbation: [], loaded: [], busy: [] };
const begun = { started: true, killedFor: undefined };

describe('the end of a process', () => {
  it.each([
    ['the one that was loading', { loading: ['a'], loaded: ['b', 'c'], busy: ['b'] }, ['a']],
    ['the one on probation', { onProbation: ['a'], loaded: ['a', 'b'], busy: ['b'] }, ['a']],
    ['the only one with a task', { loaded: ['a', 'b', 'c'], busy: ['b'] }, ['b']],
    ['the only one loaded', { loaded: ['a'] }, ['a']],
    ['any with a task, else any', { loaded: ['a', 'b', 'c'], busy: ['a', 'c'] }, ['a', 'c']],
    ['any, where none had a task', { loaded: ['a', 'b'] }, ['a', 'b']],
  ])('1: is put down to %s', (_whom, scene, suspects) => {
    expect(suspectsOf({ ...NOBODY, ...scene })).toEqual(suspects);
  });

  it.each([
    ['an exit', { code: 70, signal: null }, begun, 'CRASHED'],
    ['a signal', { code: null, signal: 'SIGSEGV' as const }, begun, 'CRASHED'],
    [
      'the kernel’s bound',
      { code: null, signal: 'SIGKILL' as const, outOfMemory: true },
      begun,
      'OUT_OF_MEMORY',
    ],
    ['a full heap', { code: null, signal: 'SIGABRT' as const }, begun, 'OUT_OF_MEMORY'],
    [
      'a hang',
      { code: null, signal: 'SIGKILL' as const },
      { started: true, killedFor: 'UNRESPONSIVE' as const },
      'UNRESPONSIVE',
    ],
    ['2: a process that never began', { code: 126, signal: null }, { ...begun, started: false }, undefined],
    ['2: two versions of the runner', { code: WORKER_EXIT.protocol, signal: null }, begun, undefined],
  ])('%s has its cause', (_what, end, process, cause) => {
    expect(causeOf(end, process)).toBe(cause);
  });
});

describe('a version that fails', () => {
  it('3: is a crash loop once, when it has failed too often within the window', () => {
    const ledger = new CrashLedger(LIMITS);
    const end = { code: 3, signal: null };
    const told = (at: number) => ledger.loop(ledger.record('a', at), 'CRASHED', end);
    expect([told(0), told(59_000), told(61_000)]).toEqual([undefined, undefined, undefined]);
    expect(told(62_000)).toEqual({
      cause: 'CRASHED',
      crashes: 3,
      windowSeconds: 60,
      exitCode: 3,
      signal: null,
    });
    expect(told(63_000)).toBe(undefined);
    ledger.forget('a');
    expect([told(64_000), told(64_001)]).toEqual([undefined, undefined]);
    expect(ledger.record('b', 64_000)).toBe(1);
  });

  it('3: is never one where that is switched off', () => {
    const ledger = new CrashLedger({ crashes: 0, windowMs: 60_000 });
    for (let n = 0; n < 100; n++)
      expect(ledger.loop(ledger.record('a', n), 'CRASHED', undefined)).toBe(undefined);
  });

  it('1: is looked for ever longer, until one is found', () => {
    const ledger = new CrashLedger(LIMITS);
    const first = ledger.probationMs;
    ledger.unexplained();
    ledger.unexplained();
    expect(ledger.probationMs).toBe(4 * first);
    for (let n = 0; n < 40; n++) ledger.unexplained();
    expect(ledger.probationMs).toBe(60_000);
    ledger.record('a', 0);
    expect(ledger.probationMs).toBe(first);
  });
});
