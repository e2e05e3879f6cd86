// Writes docs/reference from what the packages define. The packages must be built: it reads their dist.
import { mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { REFERENCE_DIR, referencePages, writtenPages } from './reference.mjs';

const pages = await referencePages();
for (const file of await writtenPages()) if (!(file in pages)) await rm(path.join(REFERENCE_DIR, file));
for (const [file, content] of Object.entries(pages)) {
  const target = path.join(REFERENCE_DIR, file);
  await mkdir(path.dirname(target), { recursive: true });
  await writeFile(target, content);
}
console.log(`docs/reference: ${Object.keys(pages).length} files`);
