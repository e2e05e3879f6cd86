import { type Palette } from '../output/colors.js';
import { formatDuration } from '../output/format.js';
import { type Step } from './steps.js';

const MARKS: Record<Step['state'], string> = {
  running: '▸',
  done: '✓',
  failed: '✗',
  cancelled: '⊘',
  noted: '·',
};
/** `+12.3 s`, right-aligned. */
const OFFSET_COLUMNS = 13;

/** One step as lines: when, mark, what, how long, how many attempts; a failure indented below, whole. */
export function renderStep(step: Step, colors: Palette, width: number): string[] {
  const paint = {
    running: colors.command,
    done: colors.good,
    failed: colors.bad,
    cancelled: colors.warn,
    noted: colors.quiet,
  }[step.state];
  const offset = width < 50 ? '' : `${`+${formatDuration(step.startMs)}`.padStart(OFFSET_COLUMNS)}  `;
  const facts = [
    ...(step.durationMs !== undefined ? [formatDuration(step.durationMs)] : []),
    ...(step.attempts !== undefined && step.attempts > 1 ? [`${step.attempts} attempts`] : []),
    ...(step.state === 'running' ? ['…'] : []),
  ].join(', ');
  const name = step.kind === 'workflow' ? `workflow ${step.label}` : step.label;
  const head = `${colors.quiet(offset)}${paint(MARKS[step.state])} ${name}${facts ? `  ${colors.quiet(facts)}` : ''}`;
  const indent = ' '.repeat(offset.length + 2);
  const failure = step.failure?.split('\n').map((line) => `${indent}${colors.bad(line)}`) ?? [];
  return [head, ...failure];
}

/** The whole timeline. */
export function renderTimeline(steps: readonly Step[], colors: Palette, width: number): string[] {
  return steps.flatMap((step) => renderStep(step, colors, width));
}
