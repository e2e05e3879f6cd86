/** A failure on the way to the platform: it says nothing of the artifact. */
export class PlatformFault extends Error {
  override name = 'PlatformFault';
}

/** The SDK's errors of its connection, by name: this module is loaded before the SDK. */
const OF_THE_PLATFORM = new Set(['PlatformFault', 'TransportError', 'ShutdownError']);

/** Whose doing it is that a load failed, or a loaded Worker ended. */
export function faultOf(error: unknown): 'artifact' | 'platform' {
  return error instanceof Error && OF_THE_PLATFORM.has(error.name) ? 'platform' : 'artifact';
}
