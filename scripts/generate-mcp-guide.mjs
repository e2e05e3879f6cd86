// Writes packages/cli/guide/generated, which the MCP server serves. The packages must be built: it reads their dist.
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { guidePages } from './mcp-guide/pages.mjs';

const FOLDER = path.resolve(import.meta.dirname, '../packages/cli/guide/generated');

const pages = guidePages();
await mkdir(FOLDER, { recursive: true });
for (const [file, content] of Object.entries(pages)) await writeFile(path.join(FOLDER, file), content);
console.log(`packages/cli/guide/generated: ${Object.keys(pages).length} files`);
