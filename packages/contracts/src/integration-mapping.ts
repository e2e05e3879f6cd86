import { z } from 'zod';
import { sourcePathSchema } from './integration-paths.js';

/** How a mapped value is made another type. */
export const COERCIONS = ['toNumber', 'toNumberOrNull', 'toString', 'identity'] as const;
export type Coercion = (typeof COERCIONS)[number];

/** Values that `$map` can give. */
const scalarSchema = z.union([z.string(), z.number(), z.boolean(), z.null()], {
  error: 'must be a text, a number, true, false or null',
});

/** Numbers of a mapping. */
export const MAPPING_LIMITS = {
  /** Nesting of objects and `$each` in a mapping. */
  depth: 32,
  /** Objects, directives and paths in it. */
  nodes: 5_000,
  /** Paths of one `$from`. */
  sources: 16,
  /** Entries of one `$map`. */
  mapEntries: 2_000,
} as const;

const fieldNameSchema = z
  .string()
  .min(1)
  .max(128)
  .regex(/^(?!\$)(?!__proto__$)/, 'must not begin with "$", nor be "__proto__"');

/** One place of a mapping: a path, a directive, or an object of further places. */
export type MappingNode = string | MappingDirective | MappingObject;
export interface MappingObject {
  [field: string]: MappingNode;
}
export interface MappingDirective {
  /** Where the value is taken from: of a list, the first path that has one. An empty list with `default` is a constant. */
  $from: string | string[];
  /** The value where there is none, or none that `$map` knows; used as it is. */
  default?: unknown;
  /** What each source value, as text, becomes; before `coerce`. */
  $map?: Record<string, string | number | boolean | null>;
  coerce?: Coercion;
  /** The value is a list: how each of its elements is mapped. Paths in it are from the element, `$.a` from the record. */
  $each?: MappingObject;
}

/** A directive by itself: what is inside `$each` is read by whoever walks the mapping. */
export const mappingDirectiveSchema = z.strictObject({
  $from: z.union(
    [sourcePathSchema, z.array(sourcePathSchema).max(MAPPING_LIMITS.sources)],
    `must be a path, or a list of at most ${MAPPING_LIMITS.sources} paths`,
  ),
  default: z.unknown().optional(),
  $map: z
    .record(z.string(), scalarSchema, 'must be an object')
    .refine(
      (entries) => Object.keys(entries).length <= MAPPING_LIMITS.mapEntries,
      `must be at most ${MAPPING_LIMITS.mapEntries} entries`,
    )
    .optional(),
  coerce: z.enum(COERCIONS, `must be ${COERCIONS.join(', ')}`).optional(),
  $each: z.record(z.string(), z.unknown(), 'must be an object').optional(),
});

/** The whole language, for JSON Schema: `GET /integrations/mapping-schema`. */
export const mappingSchema: z.ZodType<MappingObject> = z.lazy(() =>
  z.record(
    fieldNameSchema,
    z.union([
      sourcePathSchema,
      mappingDirectiveSchema.extend({ $each: mappingSchema.optional() }) as unknown as z.ZodType<MappingNode>,
      mappingSchema,
    ]),
  ),
);

export { fieldNameSchema as mappingFieldNameSchema };
