import { stripVTControlCharacters } from 'node:util';
import { type Palette } from '../output/colors.js';
import { formatDuration, formatTime } from '../output/format.js';
import { displayWidth } from './display-width.js';
import { type Step, type Waiting } from './steps.js';

const MARKS: Record<Step['state'], string> = {
  running: '▸',
  done: '✓',
  failed: '✗',
  cancelled: '⊘',
  noted: '·',
};
/** `+12.3 s`, right-aligned. */
const OFFSET_COLUMNS = 13;
const OFFSET_FITS = 50;
/** A bar is drawn from this width on. */
const BAR_FITS = 100;
const BAR_COLUMNS = 28;

export interface RenderOptions {
  colors: Palette;
  /** Columns; `Infinity` where nothing is cut. */
  width: number;
  /** Milliseconds since the epoch: what "in 3 min" is counted from. */
  now?: number;
}

export interface TimelineOptions extends RenderOptions {
  /** Draw bars where there is room: for eyes, not for a pipe. */
  bars: boolean;
}

/** One step as lines: when, mark, what, how long, how many attempts; what it waits for and its failure, indented, below. */
export function renderStep(step: Step, { colors, width, now = Date.now() }: RenderOptions): string[] {
  const paint = painter(step.state, colors);
  const offset =
    width < OFFSET_FITS ? '' : `${`+${formatDuration(step.startMs)}`.padStart(OFFSET_COLUMNS)}  `;
  const facts = factsOf(step);
  const name = plain(step.kind === 'workflow' ? `workflow ${step.label}` : step.label);
  const head = `${colors.quiet(offset)}${paint(MARKS[step.state])} ${name}${facts ? `  ${colors.quiet(facts)}` : ''}`;
  const indent = ' '.repeat(offset.length + 2);
  const below = [
    ...waitingLines(step.waiting, now).map((line) => colors.command(line)),
    ...(step.waiting?.lastFailure === undefined
      ? []
      : failureLines(step.waiting.lastFailure).map((line) => colors.warn(line))),
    ...(step.failure === undefined ? [] : failureLines(step.failure).map((line) => colors.bad(line))),
  ];
  return [head, ...below.map((line) => indent + line)];
}

/** The whole timeline. On a wide terminal each step has a bar that shows its place in the run. */
export function renderTimeline(steps: readonly Step[], options: TimelineOptions): string[] {
  const { width, bars, now = Date.now() } = options;
  if (!bars || width < BAR_FITS || width === Infinity)
    return steps.flatMap((step) => renderStep(step, options));
  const endMs = Math.max(1, ...steps.map(endOf));
  const room = width - BAR_COLUMNS - 2;
  return steps.flatMap((step) => {
    const [head = '', ...below] = renderStep(step, { ...options, now });
    const gap = room - displayWidth(head);
    return [gap < 0 ? head : `${head}${' '.repeat(gap)}  ${bar(step, endMs, options.colors)}`, ...below];
  });
}

/** When a step ended, in milliseconds since the run began. The end of the run itself is an instant; its duration is the run's. */
function endOf({ kind, startMs, durationMs = 0 }: Step): number {
  return kind === 'workflow' ? startMs : startMs + durationMs;
}

/** `────████──────`: from when to when, in the length of the run. What has no length is a dot. */
function bar(step: Step, endMs: number, colors: Palette): string {
  if (step.kind === 'workflow' && step.state !== 'noted') return '';
  const column = (ms: number): number => Math.min(BAR_COLUMNS - 1, Math.floor((ms / endMs) * BAR_COLUMNS));
  const from = column(step.startMs);
  const hasLength = step.durationMs !== undefined || step.state === 'running';
  const to = step.state === 'running' ? BAR_COLUMNS - 1 : column(endOf(step));
  const length = to - from + 1;
  const drawn = hasLength ? (step.state === 'running' ? '▒' : '█').repeat(length) : '·';
  const after = BAR_COLUMNS - from - (hasLength ? length : 1);
  return `${colors.quiet('─'.repeat(from))}${painter(step.state, colors)(drawn)}${colors.quiet('─'.repeat(after))}`;
}

function painter(state: Step['state'], colors: Palette): (text: string) => string {
  return {
    running: colors.command,
    done: colors.good,
    failed: colors.bad,
    cancelled: colors.warn,
    noted: colors.quiet,
  }[state];
}

function factsOf({ durationMs, attempts, state, waiting }: Step): string {
  return [
    ...(durationMs !== undefined ? [formatDuration(durationMs)] : []),
    ...(attempts !== undefined && attempts > 1 && !waiting ? [`${attempts} attempts`] : []),
    ...(state === 'running' ? ['…'] : []),
  ].join(', ');
}

/** What an open step waits for: until when, in how long, which attempt. */
function waitingLines(waiting: Waiting | undefined, now: number): string[] {
  if (!waiting) return [];
  const { until, attempt, maximumAttempts, nextAttemptAt, unclaimed } = waiting;
  const lines: string[] = [];
  if (until !== undefined) lines.push(`until ${formatTime(until)} UTC, ${inHowLong(until, now)}`);
  if (attempt !== undefined && (attempt > 1 || nextAttemptAt !== undefined)) {
    const of = maximumAttempts === undefined ? '' : ` of ${maximumAttempts}`;
    const next = nextAttemptAt === undefined ? 'is running' : `begins ${inHowLong(nextAttemptAt, now)}`;
    lines.push(`attempt ${attempt}${of} ${next}`);
  } else if (unclaimed) lines.push('waits for a worker');
  return lines;
}

function inHowLong(iso: string, now: number): string {
  const ms = Date.parse(iso) - now;
  return ms <= 0 ? 'now' : `in ${formatDuration(ms)}`;
}

/** A failure's lines, whole. What an author's code threw must not move the cursor of who reads it. */
function failureLines(failure: string): string[] {
  return failure.split('\n').map(plain);
}

function plain(text: string): string {
  return stripVTControlCharacters(text).replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, '');
}
