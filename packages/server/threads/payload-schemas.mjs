// The thread behind src/events/payload-schemas.ts: compiles JSON Schemas and checks payloads, one at a time, each within a limit.
import { parentPort, workerData } from 'node:worker_threads';
import vm from 'node:vm';
import { Ajv } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';

const CAPACITY = 200;
const PROBLEMS_MAX = 20;
const NAME_MAX = 100;
const { timeoutMs } = workerData;

/** Compiled, by the text of the schema: the oldest goes first. */
const compiled = new Map();

// A script's time limit ends whatever this thread does on its behalf: generated code, regular expressions, a compiler.
const sandbox = vm.createContext({ work: undefined });
const script = new vm.Script('work()');

/** @param {() => unknown} work */
function limited(work) {
  sandbox.work = work;
  try {
    return script.runInContext(sandbox, { timeout: timeoutMs });
  } finally {
    sandbox.work = undefined;
  }
}

/** @param {string} text */
function compile(text) {
  const known = compiled.get(text);
  if (known) return known;
  const schema = JSON.parse(text);
  // An instance of its own: one tenant's `$id` must mean nothing in another's schema.
  const Dialect = typeof schema.$schema === 'string' && schema.$schema.includes('draft-07') ? Ajv : Ajv2020;
  const ajv = new Dialect({ strict: false, allErrors: true, addUsedSchema: false, logger: false });
  addFormats.default(ajv);
  const validate = ajv.compile(schema);
  if ('$async' in validate) throw new Error('"$async" is not supported');
  compiled.set(text, validate);
  if (compiled.size > CAPACITY) compiled.delete(compiled.keys().next().value);
  return validate;
}

/** `/items/0: must have required property 'sku'`; names what the schema wants, never what the payload holds. */
function problemOf({ instancePath, message, keyword, params }) {
  const at = instancePath.slice(0, NAME_MAX * 2) || '/';
  if (keyword === 'additionalProperties' || keyword === 'unevaluatedProperties') {
    const name = params.additionalProperty ?? params.unevaluatedProperty ?? '';
    return `${at}: must not have the property ${JSON.stringify(name.slice(0, NAME_MAX))}`;
  }
  if (keyword === 'enum')
    return `${at}: must be one of ${JSON.stringify(params.allowedValues).slice(0, 200)}`;
  return `${at}: ${message}`;
}

/** @param {string} schema @param {unknown} payload */
function check(schema, payload) {
  let validate;
  try {
    validate = compile(schema);
  } catch (error) {
    if (error?.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw error;
    return { schemaProblem: String(error?.message ?? error) };
  }
  if (payload === undefined || validate(payload)) return { ok: true };
  const problems = validate.errors.slice(0, PROBLEMS_MAX).map(problemOf);
  return { problems, more: Math.max(0, validate.errors.length - PROBLEMS_MAX) };
}

parentPort.on('message', ({ id, schema, payload }) => {
  try {
    parentPort.postMessage({ id, ...limited(() => check(schema, payload)) });
  } catch (error) {
    const isSlow = error?.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT';
    // What was under way may be half done.
    if (isSlow) compiled.delete(schema);
    parentPort.postMessage({
      id,
      ...(isSlow ? { slow: true } : { failure: String(error?.message ?? error) }),
    });
  }
});
// The compiler's own first run takes long, which no tenant's schema is to be blamed for.
for (const $schema of [
  'http://json-schema.org/draft-07/schema#',
  'https://json-schema.org/draft/2020-12/schema',
])
  check(JSON.stringify({ $schema, properties: { id: { type: 'string', format: 'uuid' } } }), {});
