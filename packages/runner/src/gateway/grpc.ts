/**
 * gRPC's words over HTTP/2 (`PROTOCOL-HTTP2.md` of the gRPC project): a frame per message, statuses in trailers,
 * deadlines in a header. Unary calls only, which is all that a worker makes.
 */
import { type IncomingHttpHeaders } from 'node:http2';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { status } from '@grpc/grpc-js';

/** Before the name of a method: all that a worker may call is of this one service. */
export const SERVICE_PATH = '/temporal.api.workflowservice.v1.WorkflowService/';

/** A flag that says whether the message is compressed, and four bytes of length. */
export const FRAME_HEAD_BYTES = 5;

/** What a call that failed carries, as it is on the wire, so that it can be passed on untouched. */
export class CallFailed extends Error {
  constructor(
    readonly code: number,
    /** `grpc-message`, percent-encoded. */
    readonly wireMessage: string,
    /** `grpc-status-details-bin`: Temporal's details of a failure. */
    readonly wireDetails?: string,
  ) {
    super(wireMessage);
    this.name = 'CallFailed';
  }

  static of(code: status, message: string): CallFailed {
    return new CallFailed(code, wireText(message));
  }
}

/** A `grpc-message`: percent-encoded where it is not printable ASCII, and no more than that, as some readers are strict. */
export function wireText(message: string): string {
  return message.replace(/[^ -$&-~]/gu, encodeURIComponent);
}

/** One message as it goes over the wire, never compressed. */
export function frame(message: Uint8Array): Buffer {
  const framed = Buffer.allocUnsafe(FRAME_HEAD_BYTES + message.length);
  framed[0] = 0;
  framed.writeUInt32BE(message.length, 1);
  framed.set(message, FRAME_HEAD_BYTES);
  return framed;
}

/**
 * The one message of a unary call's body. A compressed one grows to `maxBytes` at most.
 * @throws {@link CallFailed} for anything else than one whole message
 */
export async function unframe(
  body: Buffer,
  encoding: string | undefined,
  maxBytes = Number.POSITIVE_INFINITY,
): Promise<Buffer> {
  if (body.length < FRAME_HEAD_BYTES || body.readUInt32BE(1) !== body.length - FRAME_HEAD_BYTES)
    throw CallFailed.of(status.INVALID_ARGUMENT, 'the body is not one gRPC message');
  const message = body.subarray(FRAME_HEAD_BYTES);
  if (body[0] === 0) return message;
  if (encoding !== 'gzip')
    throw CallFailed.of(status.UNIMPLEMENTED, 'messages may be compressed with gzip, or not at all');
  const maxOutputLength = Math.min(maxBytes, 2 ** 31 - 1);
  return inflate(message, { maxOutputLength }).catch(() => {
    throw CallFailed.of(status.RESOURCE_EXHAUSTED, 'the compressed message is too large, or not gzip');
  });
}

const inflate = promisify(gunzip);

const UNIT_MS: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1_000,
  m: 1,
  u: 1e-3,
  n: 1e-6,
};

/** Milliseconds of a `grpc-timeout` header; `undefined` when there is none, or none that can be read. */
export function timeoutMs(headers: IncomingHttpHeaders): number | undefined {
  const [, amount, unit] = /^(\d{1,8})([HMSmun])$/.exec(String(headers['grpc-timeout'] ?? '')) ?? [];
  return amount === undefined ? undefined : Number(amount) * UNIT_MS[unit!]!;
}

/** A `grpc-timeout` of at least a millisecond; a header holds eight digits. */
export function timeoutHeader(milliseconds: number): string {
  const whole = Math.max(1, Math.round(milliseconds));
  return whole < 1e8 ? `${whole}m` : `${Math.min(Math.round(whole / 1000), 99_999_999)}S`;
}

/** The failure that trailers (or headers, of an answer that has nothing else) tell of; `undefined` for success. */
export function failureOf(trailers: IncomingHttpHeaders): CallFailed | undefined {
  const code = Number(trailers['grpc-status'] ?? status.UNKNOWN);
  if (code === 0) return undefined;
  const details = trailers['grpc-status-details-bin'];
  const message = String(trailers['grpc-message'] ?? '');
  return details === undefined
    ? new CallFailed(code, message)
    : new CallFailed(code, message, String(details));
}
