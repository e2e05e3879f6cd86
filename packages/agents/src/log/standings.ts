import { readLog } from './read-log.js';
import { type LogLine } from './records.js';

/** Of a durable dispatch that a log has. What is an open one's is nobody's to sweep away. */
export type Standing = 'open' | 'ended';

/** Takes note of a line; an end is for good. */
export function noteStanding(standings: Map<string, Standing>, { of, body }: LogLine): void {
  if (!of || standings.get(of.dispatchId) === 'ended') return;
  const hasEnded = body.kind === 'status' && body.state === 'ENDED';
  standings.set(of.dispatchId, hasEnded ? 'ended' : 'open');
}

/** Of every durable dispatch of a log. @param folder of the log */
export async function standingsIn(folder: string): Promise<Map<string, Standing>> {
  const standings = new Map<string, Standing>();
  for await (const line of readLog(folder)) noteStanding(standings, line);
  return standings;
}
