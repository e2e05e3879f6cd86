/** One line of what a start is doing, for a person who waits. */
export interface Progress {
  /** What the line is about: `temporal-binary`, `temporal`, `server`, `supervisor`. */
  stage: string;
  /** A sentence without a full stop, ready to be printed. */
  message: string;
  /** Milliseconds since that stage began. */
  elapsedMs: number;
}

export type OnProgress = (progress: Progress) => void;

/** Binds a stage to `onProgress`, so that its lines carry the time since it began. */
export function stageReporter(stage: string, onProgress: OnProgress = () => {}): (message: string) => void {
  const startedAt = performance.now();
  return (message) => onProgress({ stage, message, elapsedMs: Math.round(performance.now() - startedAt) });
}
