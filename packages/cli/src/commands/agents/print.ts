import { type Dispatch, type DispatchEvent, type DispatchQuestion } from '@pegasus-workflows/contracts';
import { type DispatchStatus, type SubagentResult } from '@pegasus-workflows/contracts/agents';
import { type Palette } from '../../output/colors.js';
import { printFacts } from '../../output/facts.js';
import { formatDuration, formatTime } from '../../output/format.js';
import { type Output } from '../../output/output.js';
import { printable, printableWords, visible } from '../../output/printable.js';

/** How it is, or how it ended, in its colour. */
export function paintState({ state, status }: Pick<Dispatch, 'state'> & Ended, colors: Palette): string {
  switch (state) {
    case 'QUEUED':
    case 'RUNNING':
      return colors.command(state);
    case 'WAITING':
    case 'PAUSED':
      return colors.warn(state);
    case 'ENDED':
      return status === null ? state : paintStatus(status, colors);
  }
}
interface Ended {
  status: DispatchStatus | null;
}

function paintStatus(status: DispatchStatus, colors: Palette): string {
  const paint = { shipped: colors.good, blocked: colors.warn, failed: colors.bad, cancelled: colors.warn };
  return paint[status](status);
}

/** A dispatch in full: what it is, what it asks, how it ended. */
export function printDispatch(out: Output, dispatch: Dispatch): void {
  const { task, result, model, question, startedAt, endedAt, parentExecutionId } = dispatch;
  const { dollars, tokens, wallClockMs } = task.budget ?? {};
  const budget = [
    ...(dollars === undefined ? [] : [`$${dollars}`]),
    ...(tokens === undefined ? [] : [`${tokens} tokens`]),
    ...(wallClockMs === undefined ? [] : [formatDuration(wallClockMs)]),
  ];
  const paths = (given: readonly string[] | undefined): string =>
    (given ?? []).map(printableWords).join(', ');
  const state = paintState({ state: dispatch.state, status: result?.status ?? null }, out.colors);
  printFacts(out, `${state} ${task.role}  ${dispatch.id}`, [
    ['workspace', dispatch.workspace],
    ['mode', task.permissionMode],
    ['model', model === null ? null : printableWords(model)],
    ['merge', dispatch.merge],
    ['isolation', dispatch.isolation],
    ['budget', budget.join(', ')],
    ['may touch', paths(task.allowedPaths)],
    ['may not touch', paths(task.deniedPaths)],
    ['of run', parentExecutionId],
    ['queued', `${formatTime(dispatch.queuedAt)} UTC`],
    ['started', startedAt && `${formatTime(startedAt)} UTC`],
    ['ended', endedAt && `${formatTime(endedAt)} UTC`],
    ['used', usedOf(dispatch)],
    ['prompt', printable(task.prompt)],
  ]);
  if (question) for (const line of questionLines(question)) out.line(line);
  if (result) printResult(out, result);
}

/** How it ended: what was done, in the agent's own words, and what that took. */
export function printResult(out: Output, result: SubagentResult): void {
  const { role, personaSlug, status, summary, filesChanged, toolCallCount, durationMs } = result;
  const who = `${role} (${printableWords(personaSlug)})`;
  const calls = toolCallCount === 1 ? '1 call' : `${toolCallCount} calls`;
  printFacts(out, `${paintStatus(status, out.colors)} ${who} in ${formatDuration(durationMs)}`, [
    ['summary', printable(summary).trim()],
    ['changed', filesChanged.map(printableWords).join('\n')],
    ['used', `${usedOf(result)}, ${calls}`],
  ]);
}

function usedOf({ tokensIn, tokensOut }: Pick<Dispatch, 'tokensIn' | 'tokensOut'>): string {
  return `${tokensIn} tokens in, ${tokensOut} out`;
}

/** What a person is asked: the tool, why it is asked for, and what the call was given. */
export function questionLines({ toolName, why, rule, arguments: given }: DispatchQuestion): string[] {
  return [
    `It asks to use ${printableWords(toolName)}: ${printableWords(why)} (${printableWords(rule)})`,
    ...visible(given)
      .split('\n')
      .map((line) => `  ${line}`),
  ];
}

/** `10:00:41 tool call  read`. */
export function eventLine({ event }: DispatchEvent, colors: Palette): string {
  const [what, rest] = wordsOf(event, colors);
  return `${colors.quiet(event.timestamp.slice(11, 19))} ${what}  ${printableWords(rest)}`;
}

function wordsOf(event: DispatchEvent['event'], colors: Palette): [what: string, rest: string] {
  switch (event.type) {
    case 'subagent.spawned':
      return [colors.command('spawned  '), `${event.role} (${event.personaSlug}), ${event.isolation}`];
    case 'subagent.tool_call':
      return ['tool call', event.toolName];
    case 'subagent.completed':
      return [colors.good('completed'), `${usedOf(event)}, ${formatDuration(event.durationMs)}`];
    case 'subagent.blocked':
      return [colors.warn('blocked  '), `${event.reason.replaceAll('_', ' ')}: ${event.detail}`];
    case 'subagent.failed':
      return [colors.bad('failed   '), event.error];
  }
}

/** `waiting    120 tokens in, 7 out`: a state that a dispatch has come into. */
export function stateLine(dispatch: Dispatch, colors: Palette): string {
  const { state, tokensIn } = dispatch;
  const word = state.toLowerCase().padEnd(9);
  return `${' '.repeat(8)} ${colors.quiet(word)}${tokensIn > 0 ? `  ${usedOf(dispatch)}` : ''}`.trimEnd();
}
