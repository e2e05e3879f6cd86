// The generated part of the site, as a whole: every file of docs/reference but its index.
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { apiPages } from './api.mjs';
import { cliPage } from './cli.mjs';
import { jsonPages } from './json-outputs.mjs';
import { manifestPage } from './manifest.mjs';
import { sdkExports, sdkPage, wireTypes } from './sdk.mjs';
import { actionsPage, errorsPage, limitsPage } from './tables.mjs';

export const REFERENCE_DIR = path.resolve(import.meta.dirname, '../../docs/reference');

/** Written by hand. */
const BY_HAND = ['index.md'];

/** @returns {Promise<Record<string, string>>} content by path below docs/reference */
export async function referencePages() {
  const exported = sdkExports();
  return {
    'cli.md': cliPage(),
    'manifest.md': manifestPage(),
    'errors.md': errorsPage(),
    'actions.md': actionsPage(),
    'limits.md': limitsPage(),
    'sdk.md': sdkPage(exported),
    ...(await apiPages(wireTypes(exported))),
    ...(await jsonPages()),
  };
}

/** The files that are there, apart from those written by hand. */
export async function writtenPages() {
  const entries = await readdir(REFERENCE_DIR, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(REFERENCE_DIR, path.join(entry.parentPath, entry.name)))
    .filter((file) => !BY_HAND.includes(file));
}
