import { mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Contents as open files without a name. Each reader opens its own description of them by `/proc/self/fd`. */
export function openContents(contents: Readonly<Record<string, string | Buffer>>): Map<string, number> {
  const dir = mkdtempSync(join(tmpdir(), 'pegasus-etc-'));
  try {
    return new Map(
      Object.entries(contents).map(([path, content], index) => {
        const file = join(dir, String(index));
        writeFileSync(file, content, { mode: 0o444 });
        return [path, openSync(file, 'r')];
      }),
    );
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
