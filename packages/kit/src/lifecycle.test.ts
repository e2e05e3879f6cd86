import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const BUILT = fileURLToPath(new URL('../dist/lifecycle.js', import.meta.url));

/** A child that says `ready` on its standard output and `closing: …` when it shuts down. */
function child(beforeWatching: string) {
  const code = `
    import { writeSync } from 'node:fs';
    import { exitWhenParentDies } from ${JSON.stringify(BUILT)};
    ${beforeWatching}
    setInterval(() => {}, 1000);
    exitWhenParentDies((reason) => { writeSync(1, 'closing: ' + reason); process.exit(0); });
    writeSync(1, 'ready ');`;
  return spawn(process.execPath, ['--input-type=module', '-e', code], {
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  });
}

async function output(process: ReturnType<typeof child>): Promise<string> {
  let text = '';
  process.stdout?.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  await once(process.stdout!, 'end');
  return text;
}

describe('a child whose parent is gone', () => {
  it('ends when the channel closes', async () => {
    const watching = child('');
    const said = output(watching);
    await once(watching.stdout!, 'data');
    watching.disconnect();
    expect(await said).toBe('ready closing: parent is gone');
  });

  it('ends although the channel closed before it began to watch', async () => {
    const late = child('while (process.connected) await new Promise(setImmediate);');
    const said = output(late);
    late.disconnect();
    expect(await said).toBe('closing: parent is gone');
  });
});
