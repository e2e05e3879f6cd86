import {
  EACH_ELEMENT,
  jsonPointer,
  parseRecordPath,
  type Field,
  type FieldType,
  type Floor,
  type IntegrationIssue,
  type Rule,
} from '@pegasus-workflows/contracts';
import { RECORD_LIMITS } from './bounded.js';
import { placeOf, structural } from './mapping.js';
import { isDate, isDateTime, isSame, listed, shown } from './values.js';

/**
 * Job: what every record of an integration is: a floor on its base floors, and the check of a record against them.
 *
 * Boundary: floors that `parse.ts` has accepted; canonical records within {@link RECORD_LIMITS}; pure.
 *
 * Invariants
 * 1. A floor never weakens one that it extends: a record that keeps the upper one keeps the lower one.
 * 2. A record is checked against all of it: an issue for each field, each element of a list by itself.
 */

/** A floor with everything that it extends, as one. */
export interface WholeFloor {
  fields: ReadonlyMap<string, Field>;
  rules: readonly Rule[];
}

export interface FloorProblem {
  /** Within the floor: a JSON pointer. */
  pointer: string;
  problem: string;
}

export const NO_FLOOR: WholeFloor = { fields: new Map(), rules: [] };

/** Types that each type is a special case of. */
const NARROWER: Partial<Record<FieldType, FieldType>> = {
  integer: 'number',
  date: 'string',
  'date-time': 'string',
};

/** Puts a floor on its base. What would weaken the base is a problem, and not taken over. */
export function extendFloor(base: WholeFloor, floor: Floor): { whole: WholeFloor; problems: FloorProblem[] } {
  const problems: FloorProblem[] = [];
  const fields = new Map(base.fields);
  for (const [path, field] of Object.entries(floor.fields)) {
    const below = base.fields.get(path);
    const refuse = (key: string, problem: string) =>
      problems.push({ pointer: jsonPointer(['fields', path, key]), problem });
    fields.set(path, below ? narrowed(below, field, refuse) : field);
  }
  const taken = new Set(base.rules.map(({ id }) => id));
  floor.rules.forEach(({ id }, at) => {
    if (!taken.has(id)) return;
    problems.push({
      pointer: jsonPointer(['rules', at, 'id']),
      problem: `"${id}" is a rule of the floor that this one extends; it cannot be replaced`,
    });
  });
  return { whole: { fields, rules: [...base.rules, ...floor.rules] }, problems };
}

function narrowed(below: Field, own: Field, refuse: (key: string, problem: string) => void): Field {
  const whole: Field = { ...below };
  if (own.type !== undefined) {
    if (below.type === undefined || own.type === below.type || NARROWER[own.type] === below.type)
      whole.type = own.type;
    else
      refuse('type', `must be ${below.type}, or a special case of it, as in the floor that this one extends`);
  }
  if (own.required === true) whole.required = true;
  else if (own.required === false && below.required)
    refuse('required', 'must be true, as in the floor that this one extends');
  if (own.nullable === true && below.required && !below.nullable)
    refuse('nullable', 'must be false, as in the floor that this one extends');
  else if (own.nullable !== undefined) whole.nullable = own.nullable;
  if (own.enum) {
    const extra = own.enum.filter((value) => below.enum && !below.enum.some((known) => isSame(known, value)));
    if (extra.length > 0)
      refuse('enum', `must leave out ${listed(extra)}, which the floor that this one extends has not`);
    else whole.enum = own.enum;
  }
  return whole;
}

/** Tells every field of a record that is not as it must be. */
export type CheckFloor<R> = (record: R, issues: IntegrationIssue[]) => void;

interface Branch {
  name: string;
  field: Field | undefined;
  path: readonly string[];
  children: Map<string, Branch>;
}

/**
 * The structural check of records, in whichever form they are at hand.
 *
 * @param readerFor how a path without `*` is read; of lists the whole list is read, and its elements looked at one by one
 */
export function compileFloor<R>(
  { fields }: Pick<WholeFloor, 'fields'>,
  readerFor: (segments: readonly string[]) => (record: R) => unknown,
): CheckFloor<R> {
  const checks = topsOf(branchesOf(fields)).map((branch) => ({
    read: readerFor(branch.path),
    visit: compileBranch(branch),
  }));
  return (record, issues) => {
    const run: Checking = { issues, indices: [] };
    for (let at = 0; at < checks.length; at += 1) {
      const { read, visit } = checks[at]!;
      visit(read(record), run);
    }
  };
}

function branchesOf(fields: ReadonlyMap<string, Field>): Branch {
  const top: Branch = { name: '', field: undefined, path: [], children: new Map() };
  for (const [path, field] of fields) {
    let branch = top;
    for (const name of parseRecordPath(path)!.segments) {
      let child = branch.children.get(name);
      if (!child) {
        child = { name, field: undefined, path: [...branch.path, name], children: new Map() };
        branch.children.set(name, child);
      }
      branch = child;
    }
    branch.field = field;
  }
  return top;
}

/** Branches that are read by themselves: those with a field of their own, and lists; objects around them are not. */
function topsOf(branch: Branch): Branch[] {
  return [...branch.children.values()].flatMap((child) =>
    child.field || child.children.has(EACH_ELEMENT) ? [child] : topsOf(child),
  );
}

const NOTHING = Object.freeze({});

interface Checking {
  issues: IntegrationIssue[];
  indices: number[];
}
type Visit = (value: unknown, run: Checking) => void;

function compileChildren({ children }: Branch): Visit | undefined {
  const each = children.get(EACH_ELEMENT);
  const named = [...children.values()].filter((child) => child !== each);
  if (named.length === 0 && !each) return undefined;
  const visits = named.map((child): { name: string; visit: Visit } => ({
    name: child.name,
    visit: compileBranch(child),
  }));
  const visitElement = each && compileBranch(each);
  return (value, run) => {
    // What is no object has none of the fields.
    const object = typeof value === 'object' && value !== null ? value : NOTHING;
    for (const { name, visit } of visits) {
      visit(Object.hasOwn(object, name) ? (object as Record<string, unknown>)[name] : undefined, run);
    }
    if (!visitElement || !Array.isArray(value)) return;
    const depth = run.indices.length;
    for (let at = 0; at < value.length && run.issues.length < RECORD_LIMITS.issues; at += 1) {
      run.indices[depth] = at;
      visitElement(value[at], run);
    }
    run.indices.length = depth;
  };
}

function compileBranch(branch: Branch): Visit {
  const { field, path } = branch;
  const inner = compileChildren(branch);
  const isOfType = field?.type && TYPE_TESTS[field.type];
  const isRequired = field?.required === true;
  const allowed = field?.enum && new Set<unknown>(field.enum);
  return (value, run) => {
    const tell = (ruleId: string, message: string): void => {
      if (run.issues.length < RECORD_LIMITS.issues)
        run.issues.push(structural(ruleId, placeOf(path, run.indices), message));
    };
    if (value === undefined || value === null) {
      if (isRequired && !(value === null && field?.nullable)) tell('floor.required', 'is required');
      // What is required in it is required without it too, or a floor could be weakened by a word about the object around.
      else if (inner) inner(NOTHING, run);
      return;
    }
    if (isOfType && !isOfType(value))
      return tell('floor.type', `must be ${NAMES[field.type!]}, and is ${shown(value)}`);
    if (allowed && !allowed.has(value))
      tell('floor.enum', `must be one of ${listed(field?.enum ?? [])}, and is ${shown(value)}`);
    if (inner) inner(value, run);
  };
}

/** Whether a value is of a type; a floor's null is never asked. */
export const TYPE_TESTS: Record<FieldType, (value: unknown) => boolean> = {
  string: (value) => typeof value === 'string',
  number: (value) => typeof value === 'number' && !Number.isNaN(value),
  integer: Number.isInteger,
  boolean: (value) => typeof value === 'boolean',
  date: (value) => typeof value === 'string' && isDate(value),
  'date-time': (value) => typeof value === 'string' && isDateTime(value),
  object: (value) => typeof value === 'object' && !Array.isArray(value),
  list: Array.isArray,
};

const NAMES: Record<FieldType, string> = {
  string: 'a text',
  number: 'a number',
  integer: 'a whole number',
  boolean: 'true or false',
  date: 'a date such as 2026-01-31',
  'date-time': 'a date and time such as 2026-01-31T12:00:00Z',
  object: 'an object',
  list: 'a list',
};
