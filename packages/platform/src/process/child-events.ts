import { stageReporter, type OnProgress } from '../progress.js';
import { type ChildEvent } from './child.js';

/** Turns what happens to a child after its first start into lines for a person. */
export function childEventReporter(
  stage: string,
  name: string,
  onProgress: OnProgress | undefined,
): (event: ChildEvent) => void {
  return (event) => {
    const report = stageReporter(stage, onProgress);
    if (event.type === 'restarting') report(`${name} is started again: ${event.reason}`);
    else if (event.type === 'exited')
      report(`${name} ended with ${event.signal ?? `exit code ${event.code}`}; starting it again`);
    else if (event.type === 'start-failed')
      report(`${name} could not be started again: ${firstLine(event.error)}; trying again`);
    else if (event.restarts > 0) report(`${name} is back`);
  };
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n')[0]!;
}
