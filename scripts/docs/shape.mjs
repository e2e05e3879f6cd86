// JSON Schema as a person reads it: `{id: uuid, status: "QUEUED" | "RUNNING", input: object | null}`.

/**
 * @param {object} schema JSON Schema 2020-12
 * @param {{ nameOf?: (schema: object) => string | undefined, indent?: string }} [options] `nameOf`: a shape that has a
 *   name is not written out. `indent`: of the line that the shape begins on
 * @returns {string}
 */
export function shape(schema, options = {}) {
  const { nameOf = () => undefined, indent = '' } = options;
  const inner = { nameOf, indent: `${indent}  ` };
  const name = nameOf(schema);
  if (name) return name;
  if ('const' in schema) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(' | ');
  if (schema.anyOf ?? schema.oneOf)
    return (schema.anyOf ?? schema.oneOf).map((one) => shape(one, options)).join(' | ');
  const types = [schema.type ?? []].flat();
  if (types.length === 0) return 'any JSON value';
  return types.map((type) => ofType(type, schema, indent, inner)).join(' | ');
}

function ofType(type, schema, indent, inner) {
  if (type === 'array') {
    const item = shape(schema.items ?? {}, { ...inner, indent });
    return /[ |]/.test(item) && !item.startsWith('{') ? `(${item})[]` : `${item}[]`;
  }
  if (type === 'object') return objectShape(schema, indent, inner);
  if (type === 'string') return schema.format ?? 'string';
  return type;
}

function objectShape(schema, indent, inner) {
  const { properties = {}, required = [], additionalProperties } = schema;
  const entries = Object.entries(properties);
  if (entries.length === 0) {
    const values = typeof additionalProperties === 'object' ? shape(additionalProperties, inner) : '';
    return values === '' || values === 'any JSON value' ? 'object' : `{[name]: ${values}}`;
  }
  const lines = entries.map(([key, value]) => {
    const optional = required.includes(key) ? '' : '?';
    const type = shape(value, inner);
    const bounds = inner.nameOf(value) ? '' : constraints(value).replaceAll('`', '');
    return `${inner.indent}${key}${optional}: ${type}${bounds && `   // ${bounds}`}`;
  });
  return `{\n${lines.join('\n')}\n${indent}}`;
}

/** What the type of a value does not say: bounds, patterns, defaults. @param {object} schema */
export function constraints(schema) {
  const { minimum, maximum, minLength, maxLength, minItems, maxItems, pattern, default: fallback } = schema;
  return [
    range(...[minimum, maximum].map(unlessSafe), ''),
    range(minLength, maxLength, ' characters'),
    range(minItems, maxItems, ' entries'),
    pattern && !schema.format ? `matches \`${pattern}\`` : '',
    fallback === undefined ? '' : `default \`${JSON.stringify(fallback)}\``,
  ]
    .filter(Boolean)
    .join('; ');
}

/** Every whole number has the safe integers as its bounds, which says nothing. */
function unlessSafe(bound) {
  return Math.abs(bound) === Number.MAX_SAFE_INTEGER ? undefined : bound;
}

function range(low, high, unit) {
  if (low === undefined && high === undefined) return '';
  if (high === undefined) return `at least ${low}${unit}`;
  return low === undefined ? `at most ${high}${unit}` : `${low} to ${high}${unit}`;
}
