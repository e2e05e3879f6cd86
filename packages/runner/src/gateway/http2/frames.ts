/**
 * Job: HTTP/2's frames (RFC 9113, sections 4 and 6) out of the bytes of a connection, and their heads into it.
 *
 * Boundary: what a frame means, and whether it may come now, is `connection.ts`'s.
 *
 * Invariants
 * 1. What comes out does not depend on how the bytes were cut on their way.
 * 2. Nothing longer than {@link MAX_FRAME_BYTES} is waited for: a connection holds less than two frames here.
 */
export const FrameType = {
  data: 0,
  headers: 1,
  priority: 2,
  rstStream: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

export const Flag = { ack: 0x1, endStream: 0x1, endHeaders: 0x4, padded: 0x8, priority: 0x20 } as const;

export const ErrorCode = {
  noError: 0x0,
  protocolError: 0x1,
  internalError: 0x2,
  flowControlError: 0x3,
  streamClosed: 0x5,
  frameSizeError: 0x6,
  refusedStream: 0x7,
  cancel: 0x8,
  compressionError: 0x9,
  enhanceYourCalm: 0xb,
} as const;

export const Setting = {
  headerTableSize: 0x1,
  enablePush: 0x2,
  maxConcurrentStreams: 0x3,
  initialWindowSize: 0x4,
  maxFrameSize: 0x5,
  maxHeaderListSize: 0x6,
} as const;

/** What a client says first. */
export const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');
export const FRAME_HEAD_BYTES = 9;
/** Of a frame's payload: what every peer takes, and all that is taken here. */
export const MAX_FRAME_BYTES = 16_384;

/** The other side has broken the protocol, or asks too much: the connection ends. */
export class ConnectionError extends Error {
  constructor(
    readonly code: number,
    message: string,
  ) {
    super(message);
    this.name = 'ConnectionError';
  }
}

const EMPTY = Buffer.alloc(0);

export type OnFrame = (type: number, flags: number, streamId: number, payload: Buffer) => void;

export class FrameReader {
  readonly #onFrame: OnFrame;
  #prefaceLeft: Buffer;
  #rest: Buffer = EMPTY;

  /** @param preface whether {@link PREFACE} comes before the first frame */
  constructor(preface: boolean, onFrame: OnFrame) {
    this.#onFrame = onFrame;
    this.#prefaceLeft = preface ? PREFACE : EMPTY;
  }

  /** Tells of each frame that is whole now; payloads are parts of `bytes`. @throws {@link ConnectionError} */
  push(bytes: Buffer): void {
    const input = this.#afterPreface(this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]));
    let at = 0;
    while (input.length - at >= FRAME_HEAD_BYTES) {
      const length = input.readUIntBE(at, 3);
      if (length > MAX_FRAME_BYTES)
        throw new ConnectionError(ErrorCode.frameSizeError, 'a frame is longer than was agreed');
      const end = at + FRAME_HEAD_BYTES + length;
      if (end > input.length) break;
      const streamId = input.readUInt32BE(at + 5) & 0x7fff_ffff;
      this.#onFrame(input[at + 3]!, input[at + 4]!, streamId, input.subarray(at + FRAME_HEAD_BYTES, end));
      at = end;
    }
    this.#rest = at === input.length ? EMPTY : input.subarray(at);
  }

  #afterPreface(input: Buffer): Buffer {
    if (this.#prefaceLeft.length === 0) return input;
    const length = Math.min(input.length, this.#prefaceLeft.length);
    if (!input.subarray(0, length).equals(this.#prefaceLeft.subarray(0, length)))
      throw new ConnectionError(ErrorCode.protocolError, 'this is not an HTTP/2 client');
    this.#prefaceLeft = this.#prefaceLeft.subarray(length);
    return input.subarray(length);
  }
}

/** A frame's head alone: its payload follows. */
export function frameHead(length: number, type: number, flags: number, streamId: number): Buffer {
  const head = Buffer.allocUnsafe(FRAME_HEAD_BYTES);
  head.writeUIntBE(length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(streamId, 5);
  return head;
}

/** RST_STREAM, WINDOW_UPDATE: a frame whose payload is one number. */
export function numberFrame(type: number, streamId: number, value: number): Buffer {
  const frame = Buffer.allocUnsafe(FRAME_HEAD_BYTES + 4);
  frameHead(4, type, 0, streamId).copy(frame);
  frame.writeUInt32BE(value, FRAME_HEAD_BYTES);
  return frame;
}

export function settingsFrame(settings: Readonly<Record<number, number>>): Buffer {
  const entries = Object.entries(settings);
  const frame = Buffer.alloc(FRAME_HEAD_BYTES + entries.length * 6);
  frameHead(entries.length * 6, FrameType.settings, 0, 0).copy(frame);
  entries.forEach(([id, value], n) => {
    frame.writeUInt16BE(Number(id), FRAME_HEAD_BYTES + n * 6);
    frame.writeUInt32BE(value, FRAME_HEAD_BYTES + n * 6 + 2);
  });
  return frame;
}

export function goAwayFrame(lastStreamId: number, code: number): Buffer {
  const frame = Buffer.allocUnsafe(FRAME_HEAD_BYTES + 8);
  frameHead(8, FrameType.goAway, 0, 0).copy(frame);
  frame.writeUInt32BE(lastStreamId, FRAME_HEAD_BYTES);
  frame.writeUInt32BE(code, FRAME_HEAD_BYTES + 4);
  return frame;
}
