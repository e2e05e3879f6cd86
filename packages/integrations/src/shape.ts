import { EACH_ELEMENT } from '@pegasus-workflows/contracts';

/**
 * What a JSON Schema says of paths: enough of it to find a path that no record has. Whatever is not understood admits
 * every path.
 */

type Schema = Record<string, unknown>;

function isSchema(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Keywords that hold alternatives or additions: a path that one of them admits is admitted. */
const COMBINING = ['allOf', 'anyOf', 'oneOf'] as const;
/** Keywords that name properties in other ways; with one of them every name is possible. */
const OPEN = [
  'patternProperties',
  'propertyNames',
  'if',
  'then',
  'else',
  'not',
  '$dynamicRef',
  'dependentSchemas',
];
const REFERENCES_MAX = 32;

export interface ShapeAnswer {
  /** How many segments lead to something that the schema knows. */
  known: number;
  /** Names that could stand where the unknown one does. */
  names: readonly string[];
}

/** `undefined` when the schema admits the path. */
export function unknownIn(shape: unknown, segments: readonly string[]): ShapeAnswer | undefined {
  let schemas: Schema[] = resolve([shape], shape);
  for (let at = 0; at < segments.length; at += 1) {
    if (schemas.length === 0 || schemas.some(isOpen)) return undefined;
    const next = schemas.flatMap((schema) => step(schema, segments[at]!));
    if (next.length === 0) return { known: at, names: [...new Set(schemas.flatMap(namesOf))] };
    if (next.includes(true)) return undefined;
    schemas = resolve(next, shape);
  }
  return undefined;
}

/** Schemas that hold at the same place, with references followed and combinations taken apart. */
function resolve(found: readonly unknown[], root: unknown): Schema[] {
  const open = [...found];
  const seen = new Set<unknown>();
  const schemas: Schema[] = [];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (!isSchema(next) || seen.has(next) || seen.size > REFERENCES_MAX) continue;
    seen.add(next);
    const reference = typeof next['$ref'] === 'string' ? atPointer(root, next['$ref']) : undefined;
    if (reference !== undefined) open.push(reference);
    for (const keyword of COMBINING) {
      const parts = next[keyword];
      if (Array.isArray(parts)) open.push(...(parts as unknown[]));
    }
    const saysNothing = !(
      'properties' in next ||
      'items' in next ||
      'type' in next ||
      'additionalProperties' in next
    );
    const onlyPoints = reference !== undefined || COMBINING.some((keyword) => keyword in next!);
    if (!(saysNothing && onlyPoints)) schemas.push(next);
  }
  return schemas;
}

function atPointer(root: unknown, reference: string): unknown {
  if (reference === '#') return root;
  if (!reference.startsWith('#/')) return undefined;
  let found = root;
  for (const segment of reference.slice(2).split('/')) {
    const key = segment.replaceAll('~1', '/').replaceAll('~0', '~');
    found = isSchema(found) && Object.hasOwn(found, key) ? found[key] : undefined;
  }
  return found;
}

/** Whether a schema may admit any name: it says nothing of properties or items, or in a way that is not looked into. */
function isOpen(schema: Schema): boolean {
  if (typeof schema['$ref'] === 'string' && !schema['$ref'].startsWith('#')) return true;
  if (OPEN.some((keyword) => keyword in schema)) return true;
  const says =
    'properties' in schema ||
    'items' in schema ||
    'prefixItems' in schema ||
    schema['additionalProperties'] === false;
  return !says && (schema['type'] === undefined || schema['type'] === 'object' || schema['type'] === 'array');
}

/** What a schema says of one step further; `true`: anything. */
function step(schema: Schema, segment: string): unknown[] {
  const isPlace = segment === EACH_ELEMENT || /^\d+$/.test(segment);
  const { items, prefixItems, properties, additionalProperties: others } = schema;
  if (isPlace && (items !== undefined || prefixItems !== undefined)) {
    const all = [items, ...(Array.isArray(prefixItems) ? (prefixItems as unknown[]) : [])];
    return all.filter((one) => one !== undefined && one !== false);
  }
  if (isSchema(properties) && Object.hasOwn(properties, segment)) return [properties[segment]];
  // Said of its properties and not of others, a schema of a partner's record means that there are no others.
  return others === undefined || others === false ? [] : [others];
}

function namesOf({ properties }: Schema): string[] {
  return isSchema(properties) ? Object.keys(properties) : [];
}
