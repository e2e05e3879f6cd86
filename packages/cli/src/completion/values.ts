import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { parse } from 'smol-toml';
import { isTable } from '../credentials/edit.js';
import { readCredentials } from '../credentials/files.js';
import { type Place } from '../credentials/location.js';
import { findUpward, MANIFEST_FILE } from '../project/locate.js';

export interface Candidate {
  text: string;
  /** One line, or empty. */
  about: string;
}

/** What a shell adds to the candidates by itself: file names, names of folders, nothing. */
export type Rest = 'files' | 'folders' | 'end';

export interface Values {
  candidates: Candidate[];
  rest: Rest;
}

export interface ValuePlace extends Place {
  /** What `-C` said, earlier on the line. */
  dir?: string | undefined;
}

/** Where the values of arguments and options of these names come from; what is named otherwise is free text. */
const SOURCES: Record<string, (place: ValuePlace) => Promise<Values>> = {
  profile: async (place) =>
    words([...(await readCredentials(place)).profiles.values()].map(({ name, apiRoot }) => [name, apiRoot])),
  workflow: async (place) => words(await workflowNames(place)),
  env: async (place) => words((await environments(place)).map((name) => [name, ''])),
  role: async () => wordsOf((await import('@pegasus-workflows/contracts/agents')).AGENT_ROLES),
  mode: async () => wordsOf((await import('@pegasus-workflows/contracts/agents')).PERMISSION_MODES),
  state: async () => wordsOf((await import('@pegasus-workflows/contracts')).DISPATCH_STATES),
  merge: async () => wordsOf((await import('@pegasus-workflows/contracts')).MERGE_CHOICES),
  dir: () => Promise.resolve({ candidates: [], rest: 'folders' }),
  dataDir: () => Promise.resolve({ candidates: [], rest: 'folders' }),
  input: () => Promise.resolve({ candidates: [], rest: 'files' }),
  output: () => Promise.resolve({ candidates: [], rest: 'files' }),
  file: () => Promise.resolve({ candidates: [], rest: 'files' }),
  from: () => Promise.resolve({ candidates: [], rest: 'files' }),
  promptFile: () => Promise.resolve({ candidates: [], rest: 'files' }),
  filterFile: () => Promise.resolve({ candidates: [], rest: 'files' }),
  secretFromFile: () => Promise.resolve({ candidates: [], rest: 'files' }),
  out: () => Promise.resolve({ candidates: [], rest: 'files' }),
};

/** Values that exist on this machine for an argument or option of that name. Never throws, never calls a platform. */
export async function valuesFor(name: string, place: ValuePlace): Promise<Values> {
  try {
    return (await SOURCES[name]?.(place)) ?? words([]);
  } catch {
    return words([]);
  }
}

function words(pairs: [text: string, about: string][]): Values {
  return { candidates: pairs.map(([text, about]) => ({ text, about })), rest: 'end' };
}

function wordsOf(known: readonly string[]): Values {
  return words(known.map((text) => [text, '']));
}

const LEDGER_FILE = 'deployments.toml';

/** Names the project declares, and names it has published from here. */
async function workflowNames(place: ValuePlace): Promise<[string, string][]> {
  const names = new Map<string, string>();
  const { workflow: declared } = await readToml(place, MANIFEST_FILE);
  for (const one of Array.isArray(declared) ? declared : [])
    if (isTable(one) && typeof one['name'] === 'string')
      names.set(one['name'], typeof one['description'] === 'string' ? one['description'] : '');
  for (const entry of Object.values(await readToml(place, LEDGER_FILE)))
    for (const [name, nested] of Object.entries(isTable(entry) ? entry : {}))
      if (isTable(nested) && !names.has(name)) names.set(name, 'published from here');
  return [...names];
}

/** The entries of `deployments.toml`. */
async function environments(place: ValuePlace): Promise<string[]> {
  return Object.entries(await readToml(place, LEDGER_FILE))
    .filter(([, entry]) => isTable(entry))
    .map(([name]) => name);
}

/** A file of the project one is in; an absent or broken one is empty. Read plainly: the checking readers take longer. */
async function readToml({ cwd, dir }: ValuePlace, file: string): Promise<Record<string, unknown>> {
  const root = findUpward(dir === undefined ? cwd : path.resolve(cwd, dir));
  if (root === undefined) return {};
  try {
    return parse(await readFile(path.join(root, file), 'utf8'));
  } catch {
    return {};
  }
}
