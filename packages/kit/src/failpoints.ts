/**
 * Job: named points inside every commit path where a test can make this process fail.
 *
 * Boundary: reads `PEGASUS_FAILPOINTS` once per process; off, and one property look-up, when it is unset.
 * The value is a comma-separated list of `name=action[@n]`, where action is `kill` (SIGKILL of this process) or
 * `throw` ({@link FailpointError}), and `@n` lets the first n-1 hits pass.
 *
 * Invariants
 * 1. Without `PEGASUS_FAILPOINTS` a failpoint does nothing.
 * 2. A failpoint fires exactly once per process, at its n-th hit.
 * 3. An unknown action is an error at start, never a silently dead test.
 */
const SPEC = /^([a-z][a-z.-]*)=(kill|throw)(?:@([1-9][0-9]*))?$/;

/** What a failpoint with action `throw` throws. */
export class FailpointError extends Error {
  constructor(readonly point: string) {
    super(`failpoint ${point} fired`);
    this.name = 'FailpointError';
  }
}

interface Armed {
  action: 'kill' | 'throw';
  hitsLeft: number;
}

function parse(spec: string | undefined): Map<string, Armed> {
  const armed = new Map<string, Armed>();
  for (const item of (spec ?? '').split(',').filter(Boolean)) {
    const match = SPEC.exec(item.trim());
    if (!match)
      throw new Error(
        `PEGASUS_FAILPOINTS: cannot read ${JSON.stringify(item)}; write name=kill or name=throw@3`,
      );
    armed.set(match[1]!, { action: match[2] as Armed['action'], hitsLeft: Number(match[3] ?? 1) });
  }
  return armed;
}

const armed = parse(process.env['PEGASUS_FAILPOINTS']);

/** Marks a point where a crash must be survivable. Names are `area.moment`, such as `run.after-insert`. */
export function failpoint(name: string): void {
  const point = armed.get(name);
  if (!point || --point.hitsLeft > 0) return;
  armed.delete(name);
  if (point.action === 'throw') throw new FailpointError(name);
  process.kill(process.pid, 'SIGKILL');
}
