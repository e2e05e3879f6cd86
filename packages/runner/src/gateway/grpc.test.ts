import { gzipSync } from 'node:zlib';
import { status } from '@grpc/grpc-js';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { CallFailed, failureOf, frame, timeoutHeader, timeoutMs, unframe, wireText } from './grpc.js';

const bytes = fc.uint8Array({ maxLength: 5_000 }).map((array) => Buffer.from(array));

test('a framed message comes back', async () => {
  await fc.assert(
    fc.asyncProperty(bytes, async (message) => {
      expect(await unframe(frame(message), undefined)).toEqual(message);
    }),
  );
});

test('a gzipped message comes back, but not beyond its bound', async () => {
  const message = Buffer.alloc(100_000, 7);
  const body = frame(gzipSync(message));
  body[0] = 1;
  expect(await unframe(body, 'gzip', 100_000)).toEqual(message);
  await expect(unframe(body, 'gzip', 99_999)).rejects.toMatchObject({ code: status.RESOURCE_EXHAUSTED });
  await expect(unframe(body, 'br')).rejects.toMatchObject({ code: status.UNIMPLEMENTED });
});

test('anything but one whole message is refused', async () => {
  const whole = frame(Buffer.from('message'));
  for (const body of [
    Buffer.alloc(0),
    whole.subarray(0, 4),
    whole.subarray(0, -1),
    Buffer.concat([whole, whole]),
  ])
    await expect(unframe(body, undefined)).rejects.toMatchObject({ code: status.INVALID_ARGUMENT });
});

test('a message of any text is printable ASCII on the wire, and decodes to what it was', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      const wire = wireText(text);
      expect(wire).toMatch(/^[ -~]*$/);
      expect(decodeURIComponent(wire)).toBe(text);
    }),
  );
});

test('timeouts are read in every unit, and written in eight digits', () => {
  const read = (value: string) => timeoutMs({ 'grpc-timeout': value });
  expect(['1H', '2M', '3S', '70000m', '5000u', '6000000n'].map(read)).toEqual([
    3_600_000, 120_000, 3_000, 70_000, 5, 6,
  ]);
  expect(['', '5', 'm', '-1S', '123456789m', '1x'].map(read)).toEqual(Array(6).fill(undefined));
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1e12 }), (milliseconds) => {
      const header = timeoutHeader(milliseconds);
      expect(header).toMatch(/^\d{1,8}[mS]$/);
      expect(Math.abs(read(header)! - Math.min(milliseconds, 99_999_999_000))).toBeLessThan(1_000);
    }),
  );
  expect(timeoutHeader(-5)).toBe('1m');
});

test('a status with its details is passed on as it came', () => {
  expect(failureOf({ 'grpc-status': '0' })).toBeUndefined();
  const failure = failureOf({
    'grpc-status': '5',
    'grpc-message': 'not%20found',
    'grpc-status-details-bin': 'CAU',
  });
  expect(failure).toBeInstanceOf(CallFailed);
  expect(failure).toMatchObject({ code: 5, wireMessage: 'not%20found', wireDetails: 'CAU' });
  expect(failureOf({})?.code).toBe(status.UNKNOWN);
});
