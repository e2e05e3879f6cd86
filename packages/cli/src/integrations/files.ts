import {
  integrationConfigBodySchema,
  type IntegrationConfigBody,
  type IntegrationConfigVersion,
} from '@pegasus-workflows/contracts';

/**
 * The files of an integration's configuration in a folder: one for each part, so that a change of one is a small diff.
 * `config.json` has what is left: the name, and what has to be set.
 */
export const PART_FILES = {
  mapping: 'mapping.json',
  rules: 'rules.json',
  corpus: 'corpus.json',
  floor: 'floor.json',
  inbound: 'inbound.json',
  outbound: 'outbound.json',
  externalMapping: 'external-mapping.json',
  externalShape: 'external-shape.json',
} as const satisfies Partial<Record<keyof IntegrationConfigBody, string>>;
export const SETTINGS_FILE = 'config.json';

export type Part = keyof typeof PART_FILES;
export const PARTS = Object.keys(PART_FILES) as Part[];
/** What `config.json` may say. */
export const settingsSchema = integrationConfigBodySchema.pick({
  displayName: true,
  requiredSecrets: true,
  requiredConfigs: true,
});
const SETTINGS = Object.keys(settingsSchema.shape) as (keyof typeof settingsSchema.shape)[];

/** The files that a configuration becomes, by name. */
export function filesOf(config: Partial<IntegrationConfigVersion>): Map<string, string> {
  const files = new Map<string, string>();
  for (const part of PARTS) {
    const value = (config as IntegrationConfigBody)[part];
    if (value !== undefined) files.set(PART_FILES[part], textOf(part, value));
  }
  const settings = Object.fromEntries(
    SETTINGS.flatMap((key) => {
      const value = config[key];
      return value === undefined || value === null ? [] : [[key, value]];
    }),
  );
  if (Object.keys(settings).length > 0) files.set(SETTINGS_FILE, pretty(settings));
  return files;
}

/** The order in which people write a rule or a case; keys that are not here come after, as they were. */
const ORDER: Partial<Record<Part, readonly string[]>> = {
  rules: ['id', 'description', 'field', 'message', 'sourceRef', 'severity', 'when'],
  corpus: ['name', 'input', 'expected'],
};

/** A part as its file has it: indented, one order of keys for lists of records, a line break at the end. */
export function textOf(part: Part, value: unknown): string {
  const order = ORDER[part];
  const isList = order !== undefined && Array.isArray(value);
  return pretty(isList ? (value as unknown[]).map((one) => ordered(one, order)) : value);
}

function ordered(value: unknown, order: readonly string[]): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const known = order.filter((key) => Object.hasOwn(value, key));
  const rest = Object.keys(value).filter((key) => !order.includes(key));
  return Object.fromEntries([...known, ...rest].map((key) => [key, (value as Record<string, unknown>)[key]]));
}

function pretty(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
