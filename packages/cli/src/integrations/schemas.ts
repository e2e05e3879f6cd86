import { readFile } from 'node:fs/promises';
import path from 'node:path';
import {
  corpusCaseSchema,
  floorSchema,
  inboundSchema,
  mappingSchema,
  outboundSchema,
  ruleSchema,
} from '@pegasus-workflows/contracts';
import { parseTree, findNodeAtLocation } from 'jsonc-parser';
import { z } from 'zod';
import { isCode, writeAtomically } from '../files/write-atomically.js';
import { addProperty } from '../setup/json-edit.js';
import { PART_FILES } from './files.js';

/** Where the schemas are, beside the files that they are for. */
const FOLDER = '.schemas';
const SCHEMAS: Partial<Record<keyof typeof PART_FILES, z.ZodType>> = {
  mapping: mappingSchema,
  externalMapping: mappingSchema,
  rules: z.array(ruleSchema),
  corpus: z.array(corpusCaseSchema),
  floor: floorSchema,
  inbound: inboundSchema,
  outbound: outboundSchema,
};

/**
 * Writes JSON Schemas of the files, and tells Visual Studio Code of them, so that editors complete and check what is
 * written. Settings that are there already stay as they are.
 */
export async function writeSchemas(folder: string): Promise<void> {
  const entries: { fileMatch: string[]; url: string }[] = [];
  for (const [part, schema] of Object.entries(SCHEMAS)) {
    const name = PART_FILES[part as keyof typeof PART_FILES];
    const file = `${FOLDER}/${name.replace(/\.json$/, '.schema.json')}`;
    const text = `${JSON.stringify(z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }), null, 2)}\n`;
    await writeAtomically(path.join(folder, file), text, { name: 'integration-schemas' });
    entries.push({ fileMatch: [`/${name}`], url: `./${file}` });
  }
  await tellEditor(path.join(folder, '.vscode', 'settings.json'), entries);
}

async function tellEditor(file: string, entries: object[]): Promise<void> {
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    if (isCode(error, 'ENOENT')) return '{}\n';
    throw error;
  });
  const root = parseTree(text);
  if (root?.type !== 'object' || findNodeAtLocation(root, ['json.schemas'])) return;
  await writeAtomically(file, addProperty(text, root, 'json.schemas', entries), {
    name: 'integration-schemas',
  });
}
