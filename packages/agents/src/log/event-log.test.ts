import { appendFile, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EventLog } from './event-log.js';
import { readLog, verifyLog } from './read-log.js';
import { type LogBody, type LogLine } from './records.js';

/** The event log: `event-log.ts`, its invariants by number. */
let folder: string;
const opened: EventLog[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pegasus-event-log-'));
});
afterEach(async () => {
  for (const log of opened.splice(0)) await log.close();
  await rm(folder, { recursive: true, force: true });
});

async function open(fullBytes?: number): Promise<EventLog> {
  const log = await EventLog.open(folder, fullBytes === undefined ? {} : { fullBytes });
  opened.push(log);
  return log;
}
const outcome = (text: string): LogBody => ({
  kind: 'outcome',
  taskId: 't',
  toolCallId: 'c',
  ok: true,
  text,
});
async function lines(): Promise<LogLine[]> {
  const found: LogLine[] = [];
  for await (const line of readLog(folder)) found.push(line);
  return found;
}
const texts = async (): Promise<string[]> =>
  (await lines()).map(({ body }) => (body.kind === 'outcome' ? body.text : body.kind));
const current = (): string => join(folder, 'events.jsonl');

describe('what was appended', () => {
  it('is there, in order, and goes on where it was (invariants 1 and 4)', async () => {
    const first = await open();
    await Promise.all(['a', 'b', 'c'].map((text) => first.append(outcome(text))));
    await first.close();
    const second = await open();
    await second.append(outcome('d\n"e"\u2028'));
    expect(await texts()).toEqual(['a', 'b', 'c', 'd\n"e"\u2028']);
    expect((await lines()).map(({ seq }) => seq)).toEqual([1, 2, 3, 4]);
    expect(await verifyLog(folder, second.last)).toMatchObject({ ok: true, lines: 4, head: second.last });
  });

  it('is its owner’s alone', async () => {
    await (await open()).append(outcome('a'));
    const { mode } = await import('node:fs/promises').then(({ stat }) => stat(current()));
    expect(mode & 0o077).toBe(0);
  });

  it('is in one file, and full ones are put aside (invariant 5)', async () => {
    const log = await open(500);
    for (let n = 0; n < 12; n++) await log.append(outcome(String(n)));
    const names = (await readdir(folder)).filter((name) => name.startsWith('events')).sort();
    expect(names.length).toBeGreaterThan(2);
    expect(names[0]).toBe('events-000000000001.jsonl');
    expect(await texts()).toEqual(Array.from({ length: 12 }, (_, n) => String(n)));
    expect((await verifyLog(folder)).ok).toBe(true);
    await log.close();
    await (await open(500)).append(outcome('12'));
    expect(await verifyLog(folder)).toMatchObject({ ok: true, lines: 13 });
  });
});

describe('a line that was cut short', () => {
  it('at any byte is put aside; whole ones stay (invariant 3)', async () => {
    const log = await open();
    for (const text of ['a', 'b', 'ü']) await log.append(outcome(text));
    await log.close();
    const whole = await readFile(current());
    const ends = [...whole.entries()].filter(([, byte]) => byte === 0x0a).map(([at]) => at + 1);
    for (const length of [0, 1, 100, ...ends.flatMap((end) => [end - 1, end, end + 40])]) {
      if (length >= whole.length) continue;
      await writeFile(current(), whole.subarray(0, length));
      const again = await EventLog.open(folder);
      await again.append(outcome('next'));
      await again.close();
      const kept = ends.filter((end) => end <= length).length;
      const torn = length > 0 && !ends.includes(length);
      const wanted = [...['a', 'b', 'ü'].slice(0, kept), ...(torn ? ['mended'] : []), 'next'];
      expect([length, await texts()]).toEqual([length, wanted]);
      expect((await verifyLog(folder)).ok).toBe(true);
    }
  });

  it('and is zeros or anything else, is put aside as well', async () => {
    const log = await open();
    await log.append(outcome('a'));
    await log.close();
    await appendFile(current(), Buffer.alloc(100));
    await (await open()).append(outcome('b'));
    expect(await texts()).toEqual(['a', 'mended', 'b']);
    const [torn] = (await readdir(folder)).filter((name) => name.startsWith('torn-1-'));
    expect((await readFile(join(folder, torn!))).length).toBe(100);
  });
});

describe('one writer (invariant 2)', () => {
  it('refuses a second one by a sentence', async () => {
    await open();
    await expect(EventLog.open(folder)).rejects.toMatchObject({
      code: 'CONFLICT',
      message: expect.stringMatching(/^Another process writes the event log in /),
    });
  });

  it('writes nothing more once another has written, or has put the file aside', async () => {
    const log = await open();
    await log.append(outcome('a'));
    const bytes = (await readFile(current())).length;
    await appendFile(current(), 'x');
    await expect(log.append(outcome('b'))).rejects.toThrow(/taken over the event log/);
    await truncate(current(), bytes);
    await expect(log.append(outcome('c'))).rejects.toThrow(/taken over the event log/);
    expect(await texts()).toEqual(['a']);
  });
});

describe('tampering shows (invariant 4)', () => {
  beforeEach(async () => {
    const log = await open(400);
    for (const text of ['a', 'b', 'c', 'd', 'e', 'f']) await log.append(outcome(text));
    await log.close();
  });
  const files = async (): Promise<string[]> =>
    (await readdir(folder)).filter((name) => name.startsWith('events')).sort();
  async function edit(change: (texts: string[]) => string[]): Promise<string> {
    const [name] = await files();
    const text = await readFile(join(folder, name!), 'utf8');
    await writeFile(
      join(folder, name!),
      change(text.split('\n').filter(Boolean))
        .map((line) => `${line}\n`)
        .join(''),
    );
    return name!;
  }

  it('in a line that was changed', async () => {
    const name = await edit(([first, ...rest]) => [first!.replace('"text":"a"', '"text":"z"'), ...rest]);
    expect(await verifyLog(folder)).toMatchObject({
      ok: false,
      problem: `${name}:1: the line has been changed, or is none`,
    });
  });
  it('in a field that was added', async () => {
    await edit(([first, ...rest]) => [first!.replace('"ok":true', '"ok":true,"extra":1'), ...rest]);
    expect((await verifyLog(folder)).ok).toBe(false);
  });
  it('in a line that was left out', async () => {
    const name = await edit(([first, , ...rest]) => [first!, ...rest]);
    expect((await verifyLog(folder)).problem).toContain(name === 'events.jsonl' ? '2' : 'comes after line 1');
  });
  it('in two that were exchanged', async () => {
    await edit(([first, second, ...rest]) => [second!, first!, ...rest]);
    expect((await verifyLog(folder)).ok).toBe(false);
  });
  it('in a file that was taken out of the middle', async () => {
    const names = await files();
    expect(names.length).toBeGreaterThan(2);
    await rm(join(folder, names[1]!));
    expect((await verifyLog(folder)).ok).toBe(false);
  });
  it('in an end that was cut off, to whoever has kept the last line’s digest', async () => {
    const { head } = await verifyLog(folder);
    const names = await files();
    await rm(join(folder, names.at(-1)!));
    expect((await verifyLog(folder)).ok).toBe(true);
    expect((await verifyLog(folder, head)).problem).toMatch(/^the log ends at line \d, before line 6$/);
  });
  it('not in old files that were taken away', async () => {
    const names = await files();
    await rm(join(folder, names[0]!));
    expect((await verifyLog(folder)).ok).toBe(true);
  });
});
