import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  ErrorCode,
  frameHead,
  FrameReader,
  FrameType,
  MAX_FRAME_BYTES,
  numberFrame,
  PREFACE,
  settingsFrame,
} from './frames.js';

type Seen = [type: number, flags: number, streamId: number, payload: string];

const bytes = Buffer.concat([
  PREFACE,
  settingsFrame({ 4: 1_000 }),
  frameHead(5, FrameType.headers, 4, 1),
  Buffer.from('hello'),
  frameHead(0, FrameType.data, 1, 1),
  numberFrame(FrameType.windowUpdate, 0, 77),
  frameHead(MAX_FRAME_BYTES, FrameType.data, 0, 0x7fff_ffff),
  Buffer.alloc(MAX_FRAME_BYTES, 'x'),
]);

function read(pieces: readonly Buffer[]): Seen[] {
  const seen: Seen[] = [];
  const reader = new FrameReader(true, (type, flags, streamId, payload) =>
    seen.push([type, flags, streamId, payload.toString('latin1')]),
  );
  for (const piece of pieces) reader.push(piece);
  return seen;
}

test('frames do not depend on how their bytes were cut (invariant 1)', () => {
  const whole = read([bytes]);
  expect(whole.map(([type]) => type)).toEqual([4, 1, 0, 8, 0]);
  expect(whole[1]).toEqual([FrameType.headers, 4, 1, 'hello']);
  expect(read(Array.from(bytes, (byte) => Buffer.of(byte)))).toEqual(whole);
  fc.assert(
    fc.property(fc.array(fc.nat(bytes.length), { maxLength: 12 }), (cuts) => {
      const at = [0, ...cuts.sort((one, other) => one - other), bytes.length];
      expect(read(at.slice(1).map((end, n) => bytes.subarray(at[n], end)))).toEqual(whole);
    }),
  );
});

test('what is no HTTP/2 is refused at its first bytes', () => {
  expect(() => read([Buffer.from('GET /')])).toThrow('not an HTTP/2 client');
});

test('a frame that is too long is refused by its head (invariant 2)', () => {
  expect(() => read([PREFACE, frameHead(MAX_FRAME_BYTES + 1, FrameType.data, 0, 1)])).toThrow(
    expect.objectContaining({ code: ErrorCode.frameSizeError }) as Error,
  );
});
