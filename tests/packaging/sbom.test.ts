import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { z } from 'zod';
import { packedPackages, type PackedPackages } from '../support/packed.js';

/** The bill of materials that an operator gets is that of the build: in the package, beside the code. */
const MINUTES = 60_000;
const bomSchema = z.object({
  bomFormat: z.literal('CycloneDX'),
  metadata: z.object({ component: z.object({ name: z.string(), version: z.string() }) }),
  components: z.array(z.object({ purl: z.string() })),
});

let packed: PackedPackages;
beforeAll(async () => {
  packed = await packedPackages();
}, 10 * MINUTES);

it('pegasus-workflows carries the bill of materials, of its own version', async () => {
  const home = path.join(packed.dir, 'node_modules', 'pegasus-workflows');
  const bom = bomSchema.parse(JSON.parse(await readFile(path.join(home, 'dist', 'sbom.cdx.json'), 'utf8')));
  const { version } = z
    .object({ version: z.string() })
    .parse(JSON.parse(await readFile(path.join(home, 'package.json'), 'utf8')));
  expect(bom.metadata.component).toEqual({ name: 'pegasus', version });
  const purls = bom.components.map(({ purl }) => purl);
  expect(purls).toContain(`pkg:npm/pegasus-workflows@${version}`);
  expect(purls).toContain(`pkg:npm/%40pegasus-workflows/server@${version}`);
});
