import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import path from 'node:path';
import { expect, it } from 'vitest';
import { Terminal } from '../cli/cli.js';

const EXAMPLE = fileURLToPath(new URL('../../examples/hello/', import.meta.url));

it('examples/hello is what `init hello` makes, but for the name of its package', async () => {
  await using terminal = await Terminal.open();
  const { stdout } = await terminal.run(['init', 'hello', '--json']);
  const { directory, files } = JSON.parse(stdout) as { directory: string; files: string[] };
  for (const file of files) {
    const [made, kept] = await Promise.all(
      [directory, EXAMPLE].map((folder) => readFile(path.join(folder, file), 'utf8')),
    );
    const renamed = file === 'package.json' ? kept?.replace('"hello-example"', '"hello"') : kept;
    expect(renamed, `${file}: run \`pegasus-workflows init hello\` in an empty folder and copy it here`).toBe(
      made,
    );
  }
});
