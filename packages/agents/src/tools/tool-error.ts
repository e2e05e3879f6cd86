/** Why a tool did nothing: a stable code, and a sentence for the model that says what to do. */
export type ToolErrorCode =
  /** The arguments are not what the tool takes. */
  | 'BAD_ARGUMENTS'
  | 'NO_TOOL'
  | 'NO_FILE'
  | 'TOO_LARGE'
  /** No text. */
  | 'BINARY'
  /** A file that is to be changed has not been read, or is another one by now. */
  | 'STALE'
  /** The text to be replaced is not there, or more than once. */
  | 'NO_MATCH'
  /** The way to a file has changed since it was judged. */
  | 'CHANGED'
  /** Another writer has the workspace by now. */
  | 'LEASE_LOST'
  /** It was begun before a crash, and may have been done in part. */
  | 'INTERRUPTED'
  /** The sandbox could not be put up. */
  | 'NO_SANDBOX'
  /** The other side did not answer, or may not be asked. */
  | 'NO_ANSWER';

export class ToolError extends Error {
  override readonly name = 'ToolError';
  constructor(
    readonly code: ToolErrorCode,
    message: string,
  ) {
    super(message);
  }
}
