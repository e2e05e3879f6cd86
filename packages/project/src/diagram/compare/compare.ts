/**
 * Which steps of the code a diagram shows, and which nodes claim a step that the code does not have. The rules are
 * those of `docs/diagrams.md`; every rule is linear in the diagram and the code.
 */
import type { DiagramCheck } from '@pegasus-workflows/contracts';
import type { CodeStep, CodeSteps } from '../code/steps.js';
import type { Mark } from '../mermaid-thread.js';
import { CLAIM_KINDS, type ClaimKind, readStepId, stepId, withoutUse } from './step-id.js';
import { isCamelCase, labelKeys, nameKeys, visibleText, wordsOf } from './words.js';

const MOST_FINDINGS = 200;
/** Shapes of nodes where something is done. Rounded and round ones begin and end, rhombs and hexagons ask. */
const STEP_SHAPES = new Set(['', 'square', 'rect', 'rectangle', 'proc', 'process', 'subroutine', 'fr-rect']);
/** First words of ids that name a moment or a question, not a step. */
const STATE_WORDS = new Set(
  'wait waiting waits sleep pause delay timer start started begin end ended done finish finished is has was are can should if else when while until after before not no yes loop each every try catch error'.split(
    ' ',
  ),
);

type Findings = Pick<DiagramCheck, 'missing' | 'unknown'>;

/** @param diagram its text, for the lines of what is found */
export function compareSteps(marks: readonly Mark[], code: CodeSteps, diagram: string): Findings {
  const readings = marks.map(read);
  const steps = new StepIndex([...code.steps, ...code.ofChildren]);
  const shown = new Set<CodeStep>();
  const unknown: Findings['unknown'] = [];
  const lines = diagram.split('\n');
  for (const reading of readings) {
    const found = steps.shownBy(reading);
    for (const step of found) shown.add(step);
    const name = found.length > 0 ? undefined : claimOf(reading, code.names);
    if (name === undefined || unknown.length >= MOST_FINDINGS) continue;
    const node = (reading.mark.id || reading.text).slice(0, 200);
    if (unknown.some((one) => one.node === node && one.name === name)) continue;
    const line = lineWith(lines, reading.mark.id || reading.text);
    unknown.push({ node, name, ...(line === undefined ? {} : { line }) });
  }
  const missing = code.steps.filter((step) => !shown.has(step)).slice(0, MOST_FINDINGS);
  return { missing: missing.map(({ kind, name, file, line }) => ({ kind, name, file, line })), unknown };
}

/** What one mark says, before it is compared with anything. */
interface Reading {
  mark: Mark;
  text: string;
  /** The kind that its class or its prefix gives it. */
  kind: ClaimKind | undefined;
  /** What follows the prefix `activity:`, `signal:` or `child:`. */
  prefixed: string | undefined;
  keys: Set<string>;
  tokens: Set<string>;
}

function read(mark: Mark): Reading {
  const text = visibleText(mark.text);
  const prefix = /^(activity|signal|child|update)(?: workflow)?\s{0,9}:([^\n]{1,300})/i.exec(text);
  const ofClass = CLAIM_KINDS.find((kind) => mark.classes.includes(kind));
  const keys = new Set<string>();
  for (const part of partsOf(text)) for (const key of labelKeys(part)) keys.add(key);
  return {
    mark,
    text,
    kind: ofClass ?? CLAIM_KINDS.find((kind) => kind === prefix?.[1]?.toLowerCase()),
    prefixed: prefix?.[2]?.trim(),
    keys,
    tokens: new Set(text.split(/[^\p{L}\p{N}_$-]+/u)),
  };
}

/** A label, and the parts of one that names several steps or says more about one. */
function partsOf(text: string): string[] {
  return [text, ...text.split(/[\n,;:/|&()[\]]|\s(?:or|and|then|by|x)\s/i)];
}

class StepIndex {
  private readonly byId = new Map<string, CodeStep[]>();
  private readonly byKey = new Map<string, CodeStep[]>();
  private readonly byToken = new Map<string, CodeStep[]>();

  constructor(steps: readonly CodeStep[]) {
    for (const step of steps) {
      push(this.byId, step.name, step);
      push(this.byId, stepId(step.kind, step.name), step);
      for (const key of nameKeys(step.name)) push(this.byKey, key, step);
      // A name of one word may be any word of a sentence.
      if (wordsOf(step.name).length > 1) push(this.byToken, step.name, step);
    }
  }

  shownBy({ mark, keys, tokens, kind }: Reading): CodeStep[] {
    const { id } = mark;
    // A signal to another workflow is none that this one receives.
    if (mark.classes.includes('send')) return [];
    const found = [...(this.byId.get(id) ?? this.byId.get(withoutUse(id)) ?? [])];
    for (const key of keys) found.push(...(this.byKey.get(key) ?? []));
    for (const token of tokens) found.push(...(this.byToken.get(token) ?? []));
    return found.filter((step) => kind === undefined || step.kind === kind);
  }
}

function push<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const list = map.get(key);
  if (!list) map.set(key, [value]);
  else if (!list.includes(value)) list.push(value);
}

/** The name of the step that a mark without one claims to be; undefined for prose. */
function claimOf(reading: Reading, names: ReadonlySet<string>): string | undefined {
  const { mark, text, kind, prefixed } = reading;
  const exists = (name: string): boolean => names.has(name);
  if (kind === 'update' && isKnown(reading, names)) return undefined;
  if (prefixed !== undefined && mark.kind !== 'node') return prefixed;
  if (mark.kind !== 'node') return undefined;
  const drawn = readStepId(mark.id);
  if (kind !== undefined) {
    if (drawn?.kind === kind) return drawn.name;
    return (prefixed ?? (isCamelCase(mark.id) ? mark.id : text.split('\n')[0]!)).slice(0, 200);
  }
  if (drawn && isCamelCase(drawn.name) && !exists(drawn.name)) return drawn.name;
  const called = /^([A-Za-z0-9]{1,200})(?:\([^()]{0,200}\))?$/.exec(text)?.[1];
  if (called !== undefined && isCamelCase(called) && text !== mark.id)
    return exists(called) ? undefined : called;
  const claims =
    STEP_SHAPES.has(mark.shape) && isCamelCase(mark.id) && !STATE_WORDS.has(wordsOf(mark.id)[0] ?? '');
  return claims && !exists(mark.id) ? mark.id : undefined;
}

/** Whether an update is one that the code handles. Updates are drawn, and not compared. */
function isKnown({ mark, keys }: Reading, names: ReadonlySet<string>): boolean {
  return [...names].some(
    (name) =>
      name === mark.id ||
      stepId('update', name) === withoutUse(mark.id) ||
      nameKeys(name).some((key) => keys.has(key)),
  );
}

/** The first line, counted from 1, that holds a text as a word of its own. */
function lineWith(lines: readonly string[], text: string): number | undefined {
  const wanted = text.split('\n')[0]!;
  const isWord = (character: string | undefined): boolean => character !== undefined && /\w/.test(character);
  const index = lines.findIndex((line) => {
    const at = line.indexOf(wanted);
    return at >= 0 && !isWord(line[at - 1]) && !isWord(line[at + wanted.length]);
  });
  return index < 0 || wanted === '' ? undefined : index + 1;
}
