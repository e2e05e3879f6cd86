import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { type IntegrationConfigBody } from '@pegasus-workflows/contracts';
import { PegasusError } from '@pegasus-workflows/contracts/errors';
import { parseJson } from '@pegasus-workflows/project/replay';
import { isCode, writeAtomically } from '../files/write-atomically.js';
import { requireShape } from '../options/shaped-json.js';
import { PART_FILES, PARTS, SETTINGS_FILE, settingsSchema, type Part } from './files.js';

const REQUIRED: readonly Part[] = ['mapping', 'rules', 'corpus'];
/** What is in the folder, as it would be published. @throws PegasusError naming the file that is missing or no JSON */
export async function readFolder(folder: string): Promise<IntegrationConfigBody> {
  const body: Record<string, unknown> = {};
  for (const part of PARTS) {
    const value = await readJsonFile(path.join(folder, PART_FILES[part]));
    if (value !== undefined) body[part] = value;
    else if (REQUIRED.includes(part)) {
      throw new PegasusError('VALIDATION_ERROR', `There is no ${PART_FILES[part]} in ${folder}.`, {
        hint: 'Name the folder with -C, or write one from the platform: pegasus-workflows integration-config pull <id>',
      });
    }
  }
  const settings = (await readJsonFile(path.join(folder, SETTINGS_FILE))) ?? {};
  return { ...body, ...requireShape(SETTINGS_FILE, settings, settingsSchema) };
}

/** `undefined` when it is not there. @throws PegasusError when it is no JSON */
export async function readJsonFile(file: string): Promise<unknown> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (isCode(error, 'ENOENT')) return undefined;
    throw error;
  }
  const parsed = parseJson(text);
  if (parsed.ok) return parsed.value;
  throw new PegasusError(
    'VALIDATION_ERROR',
    `${file}:${parsed.line}:${parsed.column} is not JSON: it ${parsed.reason}.`,
  );
}

/** Writes the files. @returns those that have changed @throws PegasusError naming files that differ, unless `force` */
export async function writeFolder(
  folder: string,
  files: ReadonlyMap<string, string>,
  force: boolean,
): Promise<string[]> {
  const changed: string[] = [];
  const edited: string[] = [];
  for (const [name, text] of files) {
    const present = await readFile(path.join(folder, name), 'utf8').catch((error: unknown) => {
      if (isCode(error, 'ENOENT')) return undefined;
      throw error;
    });
    if (present === text) continue;
    changed.push(name);
    if (present !== undefined) edited.push(name);
  }
  if (edited.length > 0 && !force) {
    throw new PegasusError('CONFLICT', `${edited.join(', ')} in ${folder} would be overwritten.`, {
      hint: 'Keep what you have changed, or say --force.',
    });
  }
  for (const name of changed) {
    await writeAtomically(path.join(folder, name), files.get(name)!, { name: 'integration-config' });
  }
  return changed;
}
