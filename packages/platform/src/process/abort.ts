/** Rejects with the signal's reason once it is aborted; never settles otherwise. */
export function rejectOnAbort(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    const fail = (): void => reject(signal.reason instanceof Error ? signal.reason : new Error('aborted'));
    if (signal.aborted) fail();
    else signal.addEventListener('abort', fail, { once: true });
  });
}

/**
 * Starts something that can be stopped while it starts. An abort stops it, and its start, which then rejects, has left
 * nothing behind.
 */
export async function startAbortably(
  part: { start(): Promise<void>; stop(): Promise<void> },
  signal: AbortSignal | undefined,
): Promise<void> {
  signal?.throwIfAborted();
  const stop = (): void => void part.stop();
  signal?.addEventListener('abort', stop, { once: true });
  try {
    await part.start();
  } finally {
    signal?.removeEventListener('abort', stop);
  }
}
